"""What a released model takes and gives: the file `signature.json` that the optimiser writes and the server reads."""

from dataclasses import dataclass

from arkwright.core.nouns import Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """One tensor of the graph, (rows, len(columns)) or (rows,) when it has no columns.

    `datatype` is the Open Inference Protocol's: FP32, FP64, INT64, BOOL, BYTES …
    """

    name: str
    datatype: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """The project's own function from rows to inputs, kept as source inside the release."""

    file: str  # code/flights.py
    function: str
    # what the parameter's type hint says: a frame (polars, pandas, arrow), or one row at a time (row, mapping)
    takes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """`columns` are the raw row's (without the target); `features` is None when they are the graph's own inputs."""

    model: str
    task: str
    target: str
    columns: tuple[Column, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    classes: tuple[int | str | bool, ...] = ()
    features: Features | None = None
    key: tuple[str, ...] = ()  # what alone tells one row of the data from another, and nothing about it
