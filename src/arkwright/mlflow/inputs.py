"""What a run used and made: datasets, and models that were logged."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import Invalid
from arkwright.mlflow.wire import Given, Integer, OfRun, Pair, done, must, written
from arkwright.tracking import inputs, runs


class Dataset(Given):
    name: str = ""
    digest: str = ""
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""


class DatasetInput(Given):
    dataset: Dataset
    tags: tuple[Pair, ...] = ()


class Model(Given):
    model_id: str = ""
    step: Integer = 0


class LogInputs(OfRun):
    datasets: tuple[DatasetInput, ...] = ()
    models: tuple[Model, ...] = ()


class LogOutputs(OfRun):
    models: tuple[Model, ...] = ()


class LogModel(OfRun):
    model_json: str = ""


async def log_inputs(request: Request, given: LogInputs) -> Response:
    datasets = [
        inputs.Dataset(
            name=must(one.dataset.name, "name"),
            digest=must(one.dataset.digest, "digest"),
            source_type=one.dataset.source_type,
            source=one.dataset.source,
            schema=one.dataset.schema,
            profile=one.dataset.profile,
            tags={tag.key: tag.value for tag in one.tags},
        )
        for one in given.datasets
    ]
    models = [must(model.model_id, "model_id") for model in given.models]
    await written(request, inputs.put, given.run, datasets=datasets, models_in=models)
    return done()


async def log_outputs(request: Request, given: LogOutputs) -> Response:
    models = [(must(model.model_id, "model_id"), model.step) for model in given.models]
    await written(request, inputs.put, given.run, models_out=models)
    return done()


async def log_model(request: Request, given: LogModel) -> Response:
    """As clients before MLflow 3 say that they logged a model."""
    try:
        model = msgspec.json.decode(must(given.model_json, "model_json"), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Invalid(f"Malformed model info in 'model_json': {str(error)[:200]}") from None
    await written(request, runs.add_logged_model, given.run, model)
    return done()
