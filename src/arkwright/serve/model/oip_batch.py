"""Inference requests of the ordinary kind (JSON tensors in, every output out as JSON), read and told together.

Whatever is not ordinary goes the long way of `oip.py`, which has the words for what is wrong with it.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from math import prod
from struct import pack
from typing import Any

import msgspec
import numpy as np
import orjson

from arkwright.serve.model.graph import Graph, Port
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.oip_messages import InferRequest, InputTensor
from arkwright.serve.model.tensors import LARGEST_DIMENSION, Array, Tensors
from arkwright.serve.model.together import Together
from arkwright.serve.wire.messages import Problem, Response

_DECODE: dict[type, Callable[[Any], Any]] = {
    kind: msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    for kind in (int, float, bool, str)
}
_PACKED = {"FP32": "f", "FP64": "d"}  # what struct is faster at than numpy
_DEFAULTS = frozenset(("timeout",))  # parameters that change no answer
# of one input: its name, its datatype, its dimensions behind the rows, elements of a row, characters of an element
Expected = tuple[str, str, list[int], int, int, Callable[[Any], Any]]
Item = tuple[list[Any], ...]  # of one request: the flat elements of every input, in the order of the ports


class Ordinary:
    """The ordinary requests of one release."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._ports = tuple(loaded.graph.inputs.values())
        self._expected = [_expect(port) for port in self._ports]
        self.wishes = dict.fromkeys(loaded.graph.outputs, False)  # every output, and none as binary
        self._texts = [_describe(port) for port in loaded.graph.outputs.values()]
        name, version = orjson.dumps(loaded.endpoint), orjson.dumps(loaded.version)
        self._head = b'{"model_name":%b,"model_version":%b,"outputs":[' % (name, version)
        self._alone = self._head.replace(b"%", b"%%") + b",".join(t % (1, b"%b") for t in self._texts) + b"]}"
        self.together = Together(self._prepare, self._tell)

    def item(self, asked: InferRequest) -> tuple[Item, int] | None:
        """The elements of every input and the number of rows; None when the request is not of the ordinary kind."""
        if asked.outputs or asked.id or len(asked.inputs) != len(self._ports):
            return None
        if asked.parameters and not _DEFAULTS.issuperset(asked.parameters):
            return None
        found, rows = [], asked.inputs[0].shape[:1]
        for tensor, expected in zip(asked.inputs, self._expected, strict=True):
            values = _elements(tensor, expected) if tensor.shape[:1] == rows else None
            if values is None:
                return None
            found.append(values)
        return tuple(found), rows[0]

    def wrap(self, rows: Sequence[Sequence[bytes]]) -> Response:
        """The answer to one request from the texts of its rows: for each the text of every output."""
        if len(rows) == 1:
            body = self._alone % tuple(rows[0])
        else:
            columns = zip(*rows, strict=True)
            told = (t % (len(rows), b",".join(c)) for t, c in zip(self._texts, columns, strict=True))
            body = self._head + b",".join(told) + b"]}"
        return Response(200, body, headers=self._loaded.headers)

    def _prepare(self, items: Sequence[Item]) -> Tensors:
        made = {}
        for port, parts in zip(self._ports, zip(*items, strict=True), strict=True):
            if code := _PACKED.get(port.kind.name):  # raises for what is beyond it, and rounds as numpy does
                data = b"".join([pack(f"<{len(values)}{code}", *values) for values in parts])
                array: Array = np.frombuffer(data, port.kind.dtype)
            else:
                values = parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
                with np.errstate(over="raise"):
                    array = np.array(values, dtype=port.kind.dtype)
            made[port.name] = array.reshape(-1, *(size or 1 for size in port.shape[1:]))
        return made

    def _tell(self, outputs: Tensors) -> Sequence[Any]:
        return list(zip(*(_row_texts(name, outputs[name]) for name in self._loaded.graph.outputs), strict=True))


def _expect(port: Port) -> Expected:
    rest = [size for size in port.shape[1:] if size is not None]
    least = 0 if port.kind.python is str else 2
    return port.name, port.kind.name, rest, prod(rest), least, _DECODE[port.kind.python]


def _elements(tensor: InputTensor, expected: Expected) -> list[Any] | None:
    """The flat elements of one input, or None."""
    name, datatype, rest, width, least, decode = expected
    shape = tensor.shape
    if tensor.name != name or tensor.datatype != datatype or tensor.parameters:
        return None
    if not shape or shape[1:] != rest or not 0 < shape[0] <= LARGEST_DIMENSION:
        return None
    data, size = memoryview(tensor.data), shape[0] * width
    if len(data) < least * size:
        return None  # too few characters for so many elements
    try:
        values: list[Any] = decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return values if len(values) == size else None


def offers(graph: Graph) -> bool:
    """Whether requests for this graph can be ordinary: rows come first everywhere, and only their number varies."""
    ports = (*graph.inputs.values(), *graph.outputs.values())
    return graph.batches and all(None not in port.shape[1:] for port in ports)


def _describe(port: Port) -> bytes:
    """An output's JSON with places for the number of rows and for the data."""
    name = orjson.dumps(port.name).replace(b"%", b"%%")
    rest = b"".join(b",%d" % size for size in port.shape[1:] if size is not None)
    return b'{"name":%b,"datatype":"%b","shape":[%%d%b],"data":[%%b]}' % (name, port.kind.name.encode(), rest)


def _row_texts(name: str, array: Array) -> Sequence[bytes]:
    """For each row its elements as JSON, with commas between. Raises Problem (500) for what JSON has no word for."""
    flat = array.reshape(len(array), -1)
    if flat.dtype.kind not in "fiu":
        return [orjson.dumps(row)[1:-1] for row in flat.tolist()]
    text = orjson.dumps(np.ascontiguousarray(flat), option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" in text:  # how orjson writes NaN and infinities
        raise Problem(500, f"the output {name!r} holds NaN or Infinity, which JSON cannot say; ask for binary_data")
    return text[2:-2].split(b"],[")
