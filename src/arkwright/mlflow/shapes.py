"""Runs, experiments and models as MLflow's clients read them."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from arkwright.mlflow.wire import number, pairs
from arkwright.tracking.inputs import Dataset, Links
from arkwright.tracking.models import Logged, Measured
from arkwright.tracking.registry import Registered
from arkwright.tracking.runs import Experiment, Tracked
from arkwright.tracking.versions import Version


def experiment(found: Experiment) -> dict[str, Any]:
    return {
        "experiment_id": str(found.id),
        "name": found.name,
        "artifact_location": f"mlflow-artifacts:/{found.id}",
        "lifecycle_stage": found.stage,
        "creation_time": found.made,
        "last_update_time": found.changed,
        "tags": pairs(found.tags),
    }


def info(run: Tracked) -> dict[str, Any]:
    said: dict[str, Any] = {
        "run_id": run.uid,
        "run_uuid": run.uid,
        "run_name": run.name,
        "experiment_id": str(run.experiment),
        "user_id": run.user,
        "status": run.status,
        "start_time": run.started,
        "artifact_uri": run.place,
        "lifecycle_stage": run.stage,
    }
    return said if run.ended is None else said | {"end_time": run.ended}


def run(found: Tracked, links: Mapping[int, Links]) -> dict[str, Any]:
    said = {
        "info": info(found),
        "data": {
            "metrics": [metric(key, *latest) for key, latest in found.metrics.items()],
            "params": pairs(found.params),
            "tags": pairs(found.tags),
        },
    }
    linked = links.get(found.id)
    if linked is None:  # clients take longer to read what is empty than to do without it
        return said
    return said | {
        "inputs": {
            "dataset_inputs": [dataset(one) for one in linked.datasets],
            "model_inputs": [{"model_id": model} for model in linked.models_in],
        },
        "outputs": {"model_outputs": [{"model_id": model, "step": step} for model, step in linked.models_out]},
    }


class Point(Struct, gc=False):
    """A point of a metric in an answer."""

    key: str
    value: float | str
    timestamp: int
    step: int


def metric(key: str, value: float, step: int, at: int) -> Point:
    return Point(key, number(value), at, step)


def dataset(found: Dataset) -> dict[str, Any]:
    said = {
        "name": found.name, "digest": found.digest, "source_type": found.source_type, "source": found.source,
        "schema": found.schema, "profile": found.profile,
    }  # fmt: skip
    return {"tags": pairs(found.tags), "dataset": {name: text for name, text in said.items() if text}}


def registered(found: Registered, latest: Mapping[str, Sequence[Version]]) -> dict[str, Any]:
    return {
        "name": found.name,
        "creation_timestamp": found.made,
        "last_updated_timestamp": found.changed,
        "description": found.description,
        "latest_versions": [version(one) for one in latest.get(found.name, ())],
        "tags": pairs(found.tags),
        "aliases": [{"alias": alias, "version": str(number)} for alias, number in found.aliases.items()],
    }


def version(found: Version) -> dict[str, Any]:
    said = {
        "name": found.name,
        "version": str(found.number),
        "creation_timestamp": found.made,
        "last_updated_timestamp": found.changed,
        "user_id": found.user,
        "current_stage": found.stage,
        "description": found.description,
        "source": found.source,
        "run_id": found.run,
        "status": "READY",
        "tags": pairs(found.tags),
        "run_link": found.run_link,
        "aliases": found.aliases,
    }
    return said | ({"model_id": found.model} if found.model else {})


def logged(found: Logged) -> dict[str, Any]:
    info = {
        "model_id": found.uid,
        "experiment_id": str(found.experiment),
        "name": found.name,
        "creation_timestamp_ms": found.made,
        "last_updated_timestamp_ms": found.changed,
        "artifact_uri": found.place,
        "status": found.status,
        "model_type": found.type,
        "source_run_id": found.run,
        "tags": pairs(found.tags),
    }
    metrics = [measured(one, found.uid) for one in found.metrics]
    return {"info": info, "data": {"params": pairs(found.params), "metrics": metrics}}


def measured(found: Measured, model: str) -> dict[str, Any]:
    said = {
        "key": found.key, "value": number(found.value), "timestamp": found.at, "step": found.step,
        "run_id": found.run, "model_id": model,
    }  # fmt: skip
    return said | ({"dataset_name": found.dataset, "dataset_digest": found.digest} if found.dataset else {})
