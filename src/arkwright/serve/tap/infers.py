"""The tensors of an inference request or answer, binary ones too: as JSON text for each row, and what they predict."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import msgspec
import orjson

from arkwright.core.signature import Tensor
from arkwright.serve.model.tensors import DATATYPES, from_binary
from arkwright.serve.wire.messages import Problem


class Told(msgspec.Struct):
    """A tensor. `data` is flat, or nested as the caller nested it; None where it is redacted."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: list[Any] | None = None

    def part(self, row: int, rows: int) -> "Told":
        """One row of so many."""
        data, size = self.data, prod(self.shape[1:])
        if rows == 1 or data is None:
            return Told(self.name, [1, *self.shape[1:]], self.datatype, data=data)
        flat = len(data) == rows * size and not (data and isinstance(data[0], list))
        taken = data[row * size : (row + 1) * size] if flat else data[row : row + 1]
        return Told(self.name, [1, *self.shape[1:]], self.datatype, data=taken)


class _Asked(msgspec.Struct):  # its `outputs` are wishes
    inputs: list[Told] = []


class _Answered(msgspec.Struct):
    outputs: list[Told] = []


_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "inputs": msgspec.json.Decoder(_Asked),
    "outputs": msgspec.json.Decoder(_Answered),
}


def read(body: bytes, head: int, which: str) -> list[Told]:
    """`inputs` of a request or `outputs` of an answer; none when the bytes hold no tensors."""
    try:
        found: list[Told] = getattr(_decoders[which].decode(body[: head or None]), which)
        rest = memoryview(body)[head or len(body) :]
        for tensor in found:
            size = tensor.parameters.get("binary_data_size")
            if size is not None:
                array = from_binary(tensor.name, rest[:size], DATATYPES[tensor.datatype], tensor.shape)
                tensor.data = array.reshape(-1).tolist()
                rest = rest[size:]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem, KeyError, TypeError, ValueError):
        return []
    return found


def rows(*requests: Sequence[Told]) -> int:
    """How many rows all these tensors have, the same in each; 1 where they do not agree: it cannot be divided."""
    counts = {tensor.shape[0] if tensor.shape else 0 for tensors in requests for tensor in tensors}
    return max(1, counts.pop()) if len(counts) == 1 else 1


def texts(tensors: Sequence[Told], count: int) -> list[str | None]:
    """Each row's tensors as JSON; null for NaN, None where there are none."""
    if not tensors:
        return [None] * count
    if count == 1:
        return [_text(tensors)]
    return [_text([tensor.part(row, count) for tensor in tensors]) for row in range(count)]


def _text(tensors: Sequence[Told]) -> str | None:
    said = []
    for tensor in tensors:
        about: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        said.append(about if tensor.data is None else about | {"data": tensor.data})
    try:
        return orjson.dumps(said).decode()
    except (TypeError, ValueError):  # a number beyond 64 bits
        return msgspec.json.encode(said).decode()


def predicted(
    outputs: Sequence[Told], known: Sequence[Tensor], classes: Sequence[Any], row: int, count: int
) -> Mapping[str, Any] | None:
    """What a row's outputs predict, as raw rows are told it: `label` and `probabilities` in the classes' order, or
    `value`. None where they say more, less, or something else.

    `known`: all outputs that the release has. A label that was not asked for is not made up from probabilities, unless
    the release has none.
    """
    said = {tensor.name: _flat(tensor.part(row, count).data) for tensor in outputs}
    floats = [t.name for t in known if t.datatype.startswith("FP")]
    if not classes:
        values = said.get(known[0].name, []) if len(known) == 1 else []
        return {"value": values[0]} if len(values) == 1 else None
    labels = [t.name for t in known if t.name not in floats]
    each = next((found for name in floats if (found := _each(said.get(name, []), len(classes)))), None)
    if labels:
        found = said.get(labels[0], [])
        label = _class(found[0], classes) if len(found) == 1 else None
    else:
        label = classes[each.index(max(each))] if each and None not in each else None
    return None if label is None else {"label": label, "probabilities": each}


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return []
    return [value for each in data for value in (_flat(each) if isinstance(each, list) else [each])]


def _each(values: list[Any], classes: int) -> list[Any] | None:
    """A probability for each class; one alone is that of the second of two."""
    if len(values) == 1 and classes == 2 and isinstance(values[0], int | float):
        return [1 - values[0], values[0]]
    return values if len(values) == classes else None


def _class(said: Any, classes: Sequence[Any]) -> Any:
    """The class that a graph's label means: itself, or its place."""
    known = {value: value for value in classes}
    if isinstance(said, str | int) and said in known:
        return known[said]
    return classes[said] if isinstance(said, int) and 0 <= said < len(classes) else None
