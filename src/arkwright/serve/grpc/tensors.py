"""Tensors in the protocol's messages: the raw ones, which are not copied, and the typed contents."""

from typing import Any

import numpy as np

from arkwright.serve.grpc.messages import Message
from arkwright.serve.model.tensors import Array, Datatype, check_shape
from arkwright.serve.wire.messages import Problem

MOST_FIELDS = 4096  # of one request; an empty input is two bytes on the wire and a hundred in memory
_RAW = 7 << 3 | 2  # raw_input_contents, length-delimited
_FIXED = {1: 8, 5: 4}  # wire types of a fixed size in bytes
TYPED = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def split(body: bytes) -> tuple[bytes, list[memoryview]]:
    """A ModelInferRequest without its raw tensors, and those tensors, in order, as views of `body`.

    protobuf would copy them twice. Raises Problem (400) for bytes that are no message, or one of too many fields.
    """
    view, size = memoryview(body), len(body)
    kept, raws = [], []
    at = start = fields = 0
    while at < size:
        begin, fields = at, fields + 1
        tag, at = _varint(body, at)
        kind = tag & 7
        if kind == 2:
            length, at = _varint(body, at)
            end = at + length
        elif kind == 0:
            end = _varint(body, at)[1]
        elif kind in _FIXED:
            end = at + _FIXED[kind]
        else:
            raise _no_request()
        if end > size:
            raise _no_request()
        if fields > MOST_FIELDS:
            raise Problem(400, f"a request may have {MOST_FIELDS} inputs, outputs and parameters")
        if tag == _RAW:
            raws.append(view[at:end])
            kept.append(view[start:begin])
            start = end
        at = end
    return (b"".join((*kept, view[start:])), raws) if raws else (body, raws)


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(body) and shift < 70:
        byte = body[at]
        at += 1
        if byte < 0x80:
            return value | byte << shift, at
        value |= (byte & 0x7F) << shift
        shift += 7
    raise _no_request()


def _no_request() -> Problem:
    return Problem(400, "the bytes are no ModelInferRequest")


def from_contents(name: str, contents: Message, kind: Datatype, shape: Any) -> Array:
    """The tensor in the one field of its datatype. Raises Problem (400)."""
    field = TYPED.get(kind.name)
    if field is None:
        raise Problem(400, f"the input {name!r} is {kind.name}, which has no typed contents; send raw_input_contents")
    count = check_shape(name, shape)
    given = [descriptor.name for descriptor, _ in contents.ListFields()]
    if given != [field]:
        said = " and ".join(given) or "nothing"
        raise Problem(400, f"the contents of the input {name!r} are in {said}; {kind.name} is in {field}")
    values = getattr(contents, field)
    if len(values) != count:
        raise Problem(
            400, f"the input {name!r} has the shape {list(shape)}, {count} elements, and contents of {len(values)}"
        )
    if kind.python is str:
        return _texts(name, values).reshape(shape)
    try:
        array: Array = np.fromiter(values, kind.dtype, count)
    except OverflowError:
        raise Problem(400, f"the contents of the input {name!r} hold a number beyond {kind.name}") from None
    return array.reshape(shape)


def _texts(name: str, values: Any) -> Array:
    texts: Array = np.empty(len(values), dtype=object)
    try:
        texts[:] = [str(value, "utf-8") for value in values]
    except UnicodeDecodeError:
        raise Problem(400, f"the input {name!r} holds BYTES that are not UTF-8") from None
    return texts


def to_contents(array: Array, kind: Datatype) -> dict[str, list[Any]]:
    """The field of InferTensorContents that holds this tensor, by its name."""
    values = array.ravel().tolist()
    if kind.python is str:
        values = [text if isinstance(text, bytes) else str(text).encode() for text in values]
    return {TYPED[kind.name]: values}
