"""The tensors of an inference request or answer, binary ones too, a few rows at a time: as JSON text for each row, and
what they predict.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from math import isfinite, isnan, prod
from typing import Any

import msgspec
import numpy as np
import orjson

from arkwright.core.signature import Tensor
from arkwright.serve.model.lists import pieces
from arkwright.serve.model.tensors import DATATYPES, from_binary
from arkwright.serve.wire.messages import Problem

MOST_ELEMENTS = 2**22  # of a row's tensors together; of a larger row only their names and shapes are kept
_TOGETHER = 2**17  # elements that become objects at once
_MOST_ROWS = 4096  # likewise
_WRONG = (msgspec.DecodeError, RecursionError, Problem, KeyError, TypeError, ValueError)
_NOTHING = msgspec.Raw(b"null")


class _Told(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: msgspec.Raw = _NOTHING


class _Asked(msgspec.Struct):  # its `outputs` are wishes
    inputs: list[_Told] = []


class _Answered(msgspec.Struct):
    outputs: list[_Told] = []


_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "inputs": msgspec.json.Decoder(_Asked),
    "outputs": msgspec.json.Decoder(_Answered),
}
_any = msgspec.json.Decoder(list[Any]).decode
# of each row its elements, flat or nested as the caller nested them; or an array of all
Rows = Sequence[Any] | np.ndarray[Any, Any]


class Elements:
    """A tensor whose rows are taken in order. `data` is JSON, `binary` the bytes of the binary extension; None and
    None: it is redacted.
    """

    def __init__(self, told: _Told, binary: memoryview | None) -> None:
        self.name, self.datatype, self.shape = told.name, told.datatype, told.shape
        self._rows, self._width = 1, prod(told.shape)
        self._array: np.ndarray[Any, Any] | None = None
        self._items: Iterator[Any] | None = None
        self._nested, self._at = False, 0
        if binary is None:
            data = bytes(told.data)
            if data != b"null":
                self._nested = data.lstrip()[1:].lstrip()[:1] == b"["
                self._items = chain.from_iterable(pieces(data, _any))
        elif DATATYPES[told.datatype].python is str:
            self._items = _texts(binary)
        else:
            self._array = from_binary(told.name, binary, DATATYPES[told.datatype], told.shape).reshape(-1)

    def divide(self, rows: int) -> int:
        """It has so many rows: how many elements each has."""
        self._rows = rows
        self._width = prod(self.shape) if rows == 1 else prod(self.shape[1:])
        return self._width

    def frame(self, *, data: bool) -> bytes:
        """A row as JSON, with a place for the elements, where they are to be told."""
        shape = self.shape if self._rows == 1 else [1, *self.shape[1:]]
        about = orjson.dumps({"name": self.name, "datatype": self.datatype, "shape": shape}).replace(b"%", b"%%")
        there = data and (self._array is not None or self._items is not None)
        return about[:-1] + b',"data":[%b]}' if there else about + b"%.0b"

    def take(self, rows: int) -> Rows:
        """The next rows."""
        width = self._width
        if self._array is not None:
            self._at += rows
            return self._array[(self._at - rows) * width : self._at * width].reshape(rows, width)
        if self._items is None:
            return [[]] * rows
        if self._rows == 1:
            return [list(self._items)]
        each = 1 if self._nested else width
        return [list(islice(self._items, each)) for _ in range(rows)]


class Tensors:
    """All tensors of one request or answer, as rows."""

    def __init__(self, tensors: Sequence[Elements], rows: int) -> None:
        widths = [tensor.divide(rows) for tensor in tensors]
        self._tensors, self._told = tensors, sum(widths) <= MOST_ELEMENTS
        self._frame = b"[%b]" % b",".join(tensor.frame(data=self._told) for tensor in tensors)
        self._small = [width <= _TOGETHER for width in widths]

    def take(self, rows: int) -> tuple[list[str | None], dict[str, list[list[Any]]]]:
        """The next rows: each as JSON, None where there are no tensors; and by their names the flat
        elements of tensors that are not large.
        """
        if not self._tensors:
            return [None] * rows, {}
        if not self._told:
            nothing = [b""] * rows
            return [(self._frame % each).decode() for each in zip(*[nothing] * len(self._tensors), strict=True)], {}
        parts = [tensor.take(rows) for tensor in self._tensors]
        texts: list[str | None] = [(self._frame % each).decode() for each in zip(*map(_row_texts, parts), strict=True)]
        small = zip(self._tensors, parts, self._small, strict=True)
        return texts, {tensor.name: _flat(part) for tensor, part, fits in small if fits}


class Predicts:
    """What rows' outputs predict, as raw rows are told it."""

    def __init__(self, known: Sequence[Tensor], classes: Sequence[Any]) -> None:
        """`known`: all outputs that the release has. A label that was not asked for is not made up from probabilities,
        unless the release has none.
        """
        self._known, self._classes = known, classes
        self._floats = [t.name for t in known if t.datatype.startswith("FP")]
        self._labels = [t.name for t in known if t.name not in self._floats]
        self._itself = {value: value for value in classes}

    def values(self, outputs: dict[str, list[list[Any]]], rows: int) -> list[Any]:
        """Of each row its number; None where the outputs say more, less, or something else."""
        said = outputs.get(self._known[0].name) if len(self._known) == 1 else None
        return [row[0] if len(row) == 1 else None for row in said] if said else [None] * rows

    def labels(self, outputs: dict[str, list[list[Any]]], rows: int) -> list[tuple[Any, list[Any] | None]]:
        """Of each row its label and the probability of each class, in their order; None for what is not told."""
        nothing: list[list[Any]] = [[]] * rows
        floats = list(zip(*(outputs.get(name, nothing) for name in self._floats), strict=True)) or [()] * rows
        count = len(self._classes)
        eachs = [next((found for one in row if (found := _each(one, count))), None) for row in floats]
        if self._labels:
            said = outputs.get(self._labels[0], nothing)
            labels = [self._class(row[0]) if len(row) == 1 else None for row in said]
        else:
            labels = [self._likeliest(e) for e in eachs]
        return list(zip(labels, eachs, strict=True))

    def _likeliest(self, each: list[Any] | None) -> Any:
        """None where not all of them are numbers."""
        if not each or not all(isinstance(one, int | float) and one == one for one in each):  # noqa: PLR0124 - not NaN
            return None
        return self._classes[each.index(max(each))]

    def _class(self, said: Any) -> Any:
        """The class that a graph's label means: itself, or its place."""
        if isinstance(said, str | int) and said in self._itself:
            return self._itself[said]
        return self._classes[said] if isinstance(said, int) and 0 <= said < len(self._classes) else None


def read(body: bytes, head: int, which: str) -> list[Elements]:
    """`inputs` of a request or `outputs` of an answer; none when the bytes hold no tensors."""
    try:
        told = getattr(_decoders[which].decode(body[: head or None]), which)
        rest, found = memoryview(body)[head or len(body) :], []
        for tensor in told:
            size = tensor.parameters.get("binary_data_size")
            found.append(Elements(tensor, None if size is None else rest[:size]))
            rest = rest[size or 0 :]
    except _WRONG:
        return []
    return found


def rows(*requests: Sequence[Elements]) -> int:
    """How many rows all these tensors have, the same in each; 1 where they do not agree: it cannot be divided."""
    counts = {tensor.shape[0] if tensor.shape else 0 for tensors in requests for tensor in tensors}
    return max(1, counts.pop()) if len(counts) == 1 else 1


def read_rows(
    asked: Sequence[Elements], answered: Sequence[Elements]
) -> Iterator[tuple[int, list[str | None], list[str | None], dict[str, list[list[Any]]]]]:
    """A few rows after the other: how many, their inputs and outputs as JSON, and the elements of the outputs."""
    left = count = rows(asked, answered)
    inputs, outputs = Tensors(asked, count), Tensors(answered, count)
    width = sum(tensor.divide(count) for tensor in (*asked, *answered))
    most = max(1, min(_MOST_ROWS, _TOGETHER // max(1, width)))
    legible = True
    while left:
        size = min(left, most)
        said: list[str | None] = [None] * size
        told = said
        elements: dict[str, list[list[Any]]] = {}
        if legible:
            try:
                said, (told, elements) = inputs.take(size)[0], outputs.take(size)
            except _WRONG:  # altered, or not what its head says: what is left cannot be read
                legible = False
        yield size, said, told, elements
        left -= size


def _texts(data: memoryview) -> Iterator[str]:
    """BYTES: each element behind its length, four little-endian bytes."""
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at) if at + 4 <= len(data) else (len(data),)
        if at + 4 + size > len(data):
            raise ValueError("it is cut off")
        yield str(data[at + 4 : at + 4 + size], "utf-8")
        at += 4 + size


def _row_texts(rows: Rows) -> Sequence[bytes]:
    """Each row's elements as JSON, without the brackets around them."""
    if isinstance(rows, np.ndarray) and rows.dtype.kind in "fiu" and rows.size:
        text = orjson.dumps(np.ascontiguousarray(rows), option=orjson.OPT_SERIALIZE_NUMPY)
        texts = text[2:-2].split(b"],[")
        return texts if b"null" not in text else _worded(rows, texts)
    return [_dumped(row)[1:-1] for row in (rows.tolist() if isinstance(rows, np.ndarray) else rows)]


def _worded(rows: np.ndarray[Any, Any], texts: list[bytes]) -> list[bytes]:
    """The same with a word for each number that JSON has none for, where orjson writes null."""
    odd = ~np.isfinite(rows)
    for i in np.flatnonzero(odd.any(axis=1)).tolist():
        parts = texts[i].split(b",")
        for j in np.flatnonzero(odd[i]).tolist():
            parts[j] = orjson.dumps(worded(float(rows[i, j])))
        texts[i] = b",".join(parts)
    return texts


def worded(value: float) -> float | str:
    """The number, or the word that ProtoJSON has for it: NaN, Infinity, -Infinity. `float` reads them again."""
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _dumped(row: list[Any]) -> bytes:
    try:
        return orjson.dumps(row)
    except (TypeError, ValueError):  # a number beyond 64 bits
        return msgspec.json.encode(row)


def _flat(rows: Rows) -> list[list[Any]]:
    if isinstance(rows, np.ndarray):
        made: list[list[Any]] = rows.tolist()
        return made
    return [_flattened(row) if row and isinstance(row[0], list) else row for row in rows]


def _flattened(data: list[Any]) -> list[Any]:
    return [value for each in data for value in (_flattened(each) if isinstance(each, list) else [each])]


def _each(values: list[Any], classes: int) -> list[Any] | None:
    """A probability for each class; one alone is that of the second of two."""
    if len(values) == 1 and classes == 2 and isinstance(values[0], int | float):
        return [1 - values[0], values[0]]
    return values if len(values) == classes else None
