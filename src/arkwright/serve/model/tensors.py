"""The Open Inference Protocol's datatypes, between JSON, the binary tensor extension and numpy.

JSON is read strictly: an integer tensor takes integers only (1.0 is refused), a float tensor takes any finite number
that it can hold, BOOL takes true and false, BYTES takes texts.
"""

import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
import orjson

from arkwright.serve.wire.messages import Problem

Array = np.ndarray[Any, Any]
Tensors = dict[str, Array]
MOST_DIMENSIONS = 64
LARGEST_DIMENSION = 2**31 - 1
_UNKNOWN = re.compile(r"(?:(?P<path>\S+): )?object contains unknown field (?P<name>.*)", re.DOTALL)
_COMMA = re.compile(rb"\s*(?:,\s*(?=\[)|$)")
LARGE, PIECE, MOST_WHOLE = 2**18, 2**16, 2**22  # bytes
# where msgspec says its place: at the very end, behind what may be quoted of a caller's own words
PLACE = re.compile(r" - at `(?P<path>\$[^`]*)`\Z")
LONGEST_SAID = 200  # characters of what is wrong, beside its place
PIECE_ITEMS = 2**13
_NESTED = re.compile(rb"\s*\[\s*\[")


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype: its numpy twin, what JSON must hold, and what ONNX calls it."""

    name: str
    dtype: Any
    python: type
    onnx: str


DATATYPES = {
    kind.name: kind
    for kind in (
        Datatype("BOOL", np.dtype("?"), bool, "tensor(bool)"),
        Datatype("UINT8", np.dtype("u1"), int, "tensor(uint8)"),
        Datatype("UINT16", np.dtype("<u2"), int, "tensor(uint16)"),
        Datatype("UINT32", np.dtype("<u4"), int, "tensor(uint32)"),
        Datatype("UINT64", np.dtype("<u8"), int, "tensor(uint64)"),
        Datatype("INT8", np.dtype("i1"), int, "tensor(int8)"),
        Datatype("INT16", np.dtype("<i2"), int, "tensor(int16)"),
        Datatype("INT32", np.dtype("<i4"), int, "tensor(int32)"),
        Datatype("INT64", np.dtype("<i8"), int, "tensor(int64)"),
        Datatype("FP16", np.dtype("<f2"), float, "tensor(float16)"),
        Datatype("FP32", np.dtype("<f4"), float, "tensor(float)"),
        Datatype("FP64", np.dtype("<f8"), float, "tensor(double)"),
        Datatype("BYTES", np.dtype("O"), str, "tensor(string)"),
    )
}
BY_ONNX = {kind.onnx: kind for kind in DATATYPES.values()}


@cache
def _decoder(python: type, depth: int) -> msgspec.json.Decoder[Any]:
    kind: Any = python
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)


def check_shape(name: str, shape: Sequence[int]) -> int:
    """How many elements a tensor of this shape has. Raises Problem for a shape that no tensor has."""
    if not 1 <= len(shape) <= MOST_DIMENSIONS:
        raise Problem(400, f"the input {name!r} has {len(shape)} dimensions; there are 1 to {MOST_DIMENSIONS}")
    for size in shape:
        if not 1 <= size <= LARGEST_DIMENSION:
            raise Problem(400, f"the shape of the input {name!r} holds {str(size)[:40]}; a dimension is 1 to 2^31 - 1")
    return math.prod(shape)


def from_json(name: str, data: bytes, kind: Datatype, shape: Sequence[int]) -> Array:
    """The tensor that `data`, a flat or nested JSON list, says. Raises Problem (400)."""
    count = check_shape(name, shape)
    if kind.python is not str and data.count(b",") + 1 != count:  # before a million numbers become objects
        found = data.count(b",") + 1
        raise Problem(400, f"the input {name!r} has the shape {list(shape)}, {count} elements, and data of {found}")
    nested = _NESTED.match(data) is not None
    if len(data) <= LARGE:
        return _from_json(name, data, kind, shape, nested=nested)
    if kind.python is not str and (not nested or len(shape) == 2):
        return _in_pieces(name, data, kind, shape, nested=nested)
    if len(data) > MOST_WHOLE:
        instead = (
            "binary data, or fewer texts at once" if kind.python is str else "a flat list of numbers, or binary data"
        )
        raise Problem(413, f"the data of the input {name!r} is long; send {instead}")
    return _from_json(name, data, kind, shape, nested=nested)


def _in_pieces(name: str, data: bytes, kind: Datatype, shape: Sequence[int], *, nested: bool) -> Array:
    """Numbers, a piece after the other: whoever reads on a thread lets the others go on in between."""
    data = data.strip()
    if data[:1] != b"[" or data[-1:] != b"]":
        raise Problem(400, f"the data of the input {name!r} is no list")
    start, end, parts = 1, len(data) - 1, []
    while start < end:
        stop = data.find(b"]" if nested else b",", start + PIECE, end) + nested
        piece = data[start : stop if stop > start else end]
        start = len(data) if stop <= start else stop + (_comma(name, data, stop, end) if nested else 1)
        rows = piece.count(b"]") if nested else piece.count(b",") + 1
        parts.append(_from_json(name, b"[%b]" % piece, kind, (rows, *shape[1:]) if nested else (rows,), nested=nested))
    array: Array = np.concatenate(parts)
    if array.size != math.prod(shape) or (nested and array.shape != tuple(shape)):
        raise Problem(400, f"the data of the input {name!r} is shaped {list(array.shape)}, not {list(shape)}")
    return array.reshape(shape)


def _comma(name: str, data: bytes, at: int, end: int) -> int:
    """How far it is behind the comma between two lists, or to the end."""
    found = _COMMA.match(data, at, end)
    if found is None:
        raise Problem(400, f"the data of the input {name!r} is no list of lists")
    return found.end() - at


def _from_json(name: str, data: bytes, kind: Datatype, shape: Sequence[int], *, nested: bool) -> Array:
    count = math.prod(shape)
    try:
        values = _decoder(kind.python, len(shape) if nested else 1).decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the data of the input {name!r} is not {kind.name}: {said(error)}") from None
    try:
        with np.errstate(over="raise"):
            array: Array = np.array(values, dtype=kind.dtype)
    except (OverflowError, FloatingPointError):
        raise Problem(400, f"the data of the input {name!r} holds a number beyond {kind.name}") from None
    except ValueError:
        raise Problem(400, f"the data of the input {name!r} is not shaped {list(shape)}") from None
    if array.size != count or (nested and array.shape != tuple(shape)):
        raise Problem(400, f"the data of the input {name!r} is shaped {list(array.shape)}, not {list(shape)}")
    return array.reshape(shape)


def from_binary(name: str, data: bytes | memoryview, kind: Datatype, shape: Sequence[int]) -> Array:
    """The tensor in these little-endian bytes; NaN passes as it is. Raises Problem (400)."""
    count = check_shape(name, shape)
    if kind.python is str:
        return _texts(name, data, count).reshape(shape)
    if len(data) != count * kind.dtype.itemsize:
        wanted = count * kind.dtype.itemsize
        raise Problem(400, f"the input {name!r} has {len(data)} bytes; {kind.name} {list(shape)} has {wanted}")
    if kind.name == "BOOL" and count and np.frombuffer(data, dtype="u1").max() > 1:
        raise Problem(400, f"the input {name!r} is BOOL and holds a byte that is neither 0 nor 1")
    array: Array = np.frombuffer(data, dtype=kind.dtype)
    return (array if array.flags.aligned else array.copy()).reshape(shape)


def _texts(name: str, data: bytes | memoryview, count: int) -> Array:
    """BYTES: each element behind its length, four little-endian bytes."""
    wrong = Problem(400, f"the input {name!r} does not hold {count} BYTES elements, each behind its 4-byte length")
    if len(data) < 4 * count:
        raise wrong
    texts: Array = np.empty(count, dtype=object)
    at = 0
    for i in range(count):
        if at + 4 > len(data):
            raise wrong
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if at + size > len(data):
            raise wrong
        try:
            texts[i] = str(data[at : at + size], "utf-8")
        except UnicodeDecodeError:
            raise Problem(400, f"the input {name!r} holds BYTES that are not UTF-8") from None
        at += size
    if at != len(data):
        raise wrong
    return texts


def to_binary(array: Array, kind: Datatype) -> bytes:
    """The bytes of a tensor in the binary extension, little-endian."""
    if kind.python is not str:
        return np.ascontiguousarray(array, dtype=kind.dtype).tobytes()
    flat, parts = array.ravel(), []
    for at in range(0, len(flat), PIECE_ITEMS):
        texts = [t if isinstance(t, bytes) else str(t).encode() for t in flat[at : at + PIECE_ITEMS].tolist()]
        parts.append(b"".join([struct.pack("<I", len(text)) + text for text in texts]))
    return b"".join(parts)


def listed(array: Array, kind: Datatype) -> Any:
    """Its elements as orjson writes them, flat; where they are many, as the JSON that they are, made in pieces."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if len(flat) <= PIECE_ITEMS:
        return flat.tolist() if kind.python is str else flat
    parts = []
    for at in range(0, len(flat), PIECE_ITEMS):
        some = flat[at : at + PIECE_ITEMS]
        parts.append(
            orjson.dumps(some.tolist() if kind.python is str else some, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
        )
    return orjson.Fragment(b"".join((b"[", b",".join(parts), b"]")))


def finite(array: Array) -> bool:
    """Whether JSON can say every number in it."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def odd_row(array: Array) -> int:
    """The first row with a number that JSON cannot say."""
    return int(np.isfinite(array.reshape(len(array), -1)).all(axis=1).argmin())


def unknown_field(text: str) -> tuple[str, str] | None:
    """The path and the (bounded) name of the field that a decoder did not know, if that is what `said` says."""
    found = _UNKNOWN.fullmatch(text)
    return (found["path"] or "$", found["name"][:80]) if found else None


def said(error: Exception) -> str:
    """A decoder's complaint as one bounded line: `$[3]: expected float, got str`."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = str(error)
    if text.startswith("Invalid UTF-8"):
        return "it is not UTF-8"
    found = PLACE.search(text)
    text = (text[: found.start()] if found else text).replace("`", "")
    text = text if len(text) <= LONGEST_SAID else text[:LONGEST_SAID] + " …"
    text = text if text[:2].isupper() else text[:1].lower() + text[1:]
    return f"{found['path'][:LONGEST_SAID]}: {text}" if found else text
