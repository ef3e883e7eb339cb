"""What an MLflow server says, as its REST API has it; whatever else it says is left alone."""

import hashlib
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from arkwright.tracking.importing.server import NotGiven

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
STATES = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}


class Pair(Struct):
    """A parameter or a tag."""

    key: str
    value: str = ""


class Metric(Struct, gc=False):
    """A point."""

    key: str
    value: float
    timestamp: Integer
    step: Integer = 0
    run_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class Experiment(Struct):
    """An experiment."""

    experiment_id: str
    name: str
    creation_time: Integer = 0
    last_update_time: Integer = 0
    tags: list[Pair] = []


class RunInfo(Struct):
    """What stands above a run."""

    run_id: str
    experiment_id: str
    run_name: str = ""
    user_id: str = ""
    status: str | int = "FINISHED"
    start_time: Integer = 0
    end_time: Integer | None = None
    artifact_uri: str = ""

    @property
    def state(self) -> str:
        return STATES.get(str(self.status), str(self.status))


class RunData(Struct):
    """What was logged to a run: of each metric the latest point."""

    metrics: list[Metric] = []
    params: list[Pair] = []
    tags: list[Pair] = []


class Dataset(Struct):
    """A dataset."""

    name: str = ""
    digest: str = ""
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""


class DatasetInput(Struct):
    """A dataset that a run used."""

    dataset: Dataset
    tags: list[Pair] = []


class ModelLink(Struct):
    """A logged model that a run used or made."""

    model_id: str
    step: Integer = 0


class Inputs(Struct):
    """What a run used."""

    dataset_inputs: list[DatasetInput] = []
    model_inputs: list[ModelLink] = []


class Outputs(Struct):
    """What a run made."""

    model_outputs: list[ModelLink] = []


class Run(Struct):
    """A run."""

    info: RunInfo
    data: RunData = field(default_factory=RunData)
    inputs: Inputs = field(default_factory=Inputs)
    outputs: Outputs = field(default_factory=Outputs)


class ModelInfo(Struct):
    """What stands above a logged model."""

    model_id: str
    experiment_id: str
    name: str = ""
    creation_timestamp_ms: Integer = 0
    last_updated_timestamp_ms: Integer = 0
    artifact_uri: str = ""
    status: str | int = ""
    model_type: str = ""
    source_run_id: str = ""
    tags: list[Pair] = []


class ModelData(Struct):
    """What was logged to a model."""

    params: list[Pair] = []
    metrics: list[Metric] = []


class Model(Struct):
    """A logged model."""

    info: ModelInfo
    data: ModelData = field(default_factory=ModelData)


class Alias(Struct):
    """An alias of a registered model."""

    alias: str
    version: str


class Registered(Struct):
    """A registered model."""

    name: str
    creation_timestamp: Integer = 0
    last_updated_timestamp: Integer = 0
    description: str = ""
    tags: list[Pair] = []
    aliases: list[Alias] = []


class Version(Struct):
    """A version of a registered model."""

    name: str
    version: str
    creation_timestamp: Integer = 0
    last_updated_timestamp: Integer = 0
    user_id: str = ""
    current_stage: str = "None"
    description: str = ""
    source: str = ""
    run_id: str = ""
    run_link: str = ""
    status: str = "READY"
    tags: list[Pair] = []


class File(Struct):
    """A file or a folder."""

    path: str
    is_dir: bool = False
    file_size: Integer = 0


def mark(given: Struct) -> int:
    """A number that differs when anything of this does."""
    said = msgspec.json.encode(_sorted(msgspec.to_builtins(given)), order="sorted")
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big", signed=True)


def _sorted(value: Any) -> Any:
    """Lists in one order: a server says them as its database finds them."""
    if isinstance(value, dict):
        return {key: _sorted(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted(map(_sorted, value), key=lambda one: msgspec.json.encode(one, order="sorted"))
    return value


def version_number(text: str) -> int:
    """Raises NotGiven for what is no number of a version."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 19):
        raise NotGiven(f"{text[:40]!r} is no version's number")
    return int(text)
