"""Inference requests of the plain kind (JSON tensors in, every output out as JSON), read and told together.

Whatever is not plain goes the long way of `rest/oip.py`, which has the words for what is wrong with it.
"""

import re
from collections.abc import Callable, Sequence
from itertools import chain
from math import prod
from struct import Struct
from typing import Any

import msgspec
import numpy as np
import orjson

from arkwright.serve.model.graph import Port
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.oip_messages import InferRequest, InputTensor, OutputWish, Parameters
from arkwright.serve.model.tensors import LARGEST_DIMENSION, Array, Tensors
from arkwright.serve.wire.messages import Problem

_DECODE: dict[type, Callable[[Any], Any]] = {
    kind: msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
    for kind in (int, float, bool, str)
}
_PACKED = {"FP32": "f", "FP64": "d"}  # what struct is faster at than numpy
_WRONG = (msgspec.DecodeError, RecursionError, OverflowError)
_DATA = b'"data":'
# where clients put it, other in each request; of characters that JSON says in one way only
_ID = re.compile(rb'\{"id": ?"([ !#-\[\]-~]{1,128})", ?')
MOST_FRAMES = 256
LONGEST_FRAME = 1024
# of one request: the flat elements of every input, in the ports' order, packed if floats; and its id, or nothing
Item = tuple[tuple[Any, ...], bytes]
Read = Callable[[Any], Any]  # elements as JSON to a list, or packed; None where they are not what they should be
_decoder = msgspec.json.Decoder(InferRequest)


class _Input:
    """What is expected of one input."""

    def __init__(self, port: Port) -> None:
        self._name, self._datatype = port.name, port.kind.name
        self._rest = [size for size in port.shape[1:] if size is not None]
        self.width = prod(self._rest)
        self._least = 0 if port.kind.python is str else 2  # characters of an element
        self._decode, self._code = _DECODE[port.kind.python], _PACKED.get(port.kind.name)

    def fits(self, tensor: InputTensor) -> bool:
        shape = tensor.shape
        named = tensor.name == self._name and tensor.datatype == self._datatype and not tensor.parameters
        return named and bool(shape) and shape[1:] == self._rest and 0 < shape[0] <= LARGEST_DIMENSION

    def reader(self, rows: int) -> Read:
        """How so many rows are read."""
        size, decode = rows * self.width, self._decode
        least = self._least * size
        # raises for what is beyond the datatype, and rounds as numpy does
        pack = Struct(f"<{size}{self._code}").pack if self._code else None

        def read(data: Any) -> Any:
            if len(data) < least:
                return None  # too few characters for so many elements
            try:
                values = decode(data)
                if len(values) != size:
                    return None
                return pack(*values) if pack else values
            except _WRONG:
                return None

        return read


class PlainTensors:
    """Inference requests to one release."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._ports = tuple(loaded.graph.inputs.values())
        self._inputs = [_Input(port) for port in self._ports]
        self._shapes = [(-1, *(size or 1 for size in port.shape[1:])) for port in self._ports]
        self._texts = [_describe(port) for port in loaded.graph.outputs.values()]
        name, version = orjson.dumps(loaded.endpoint), orjson.dumps(loaded.version)
        self._head = b'{"model_name":%b,"model_version":%b,"outputs":[' % (name, version)
        self._alone = self._head.replace(b"%", b"%%") + b",".join(t % (1, b"%b") for t in self._texts) + b"]}"
        # what stood before the elements of a request that was plain: what stood behind, how many rows, how to read them
        self.frames: dict[bytes, tuple[bytes, int, Read]] = {}
        # of each row, where there is one tensor of floats, so many of so many bytes; else none
        alone = len(self._ports) == 1 and self._ports[0].kind.name in _PACKED
        self.width: int = self._inputs[0].width if alone else 0
        self.item: int = self._ports[0].kind.dtype.itemsize if alone else 0

    def read(self, body: bytes) -> tuple[Item, int] | None:
        """The elements of every input and the number of rows; None when the request is not plain."""
        named = _ID.match(body)
        found = self._values(body if named is None else b"{" + body[named.end() :])
        return found and ((found[0], named[1] if named else b""), found[1])

    def _values(self, body: bytes) -> tuple[tuple[Any, ...], int] | None:
        at = body.find(b"[", body.find(_DATA) + len(_DATA))
        frame = self.frames.get(body[:at]) if at <= LONGEST_FRAME else None
        end = body.find(b"]", at) + 1
        if frame is not None and frame[0] == body[end:]:
            values = frame[2](memoryview(body)[at:end])
            return None if values is None else ((values,), frame[1])
        return self._read_whole(body, at, end)

    def _read_whole(self, body: bytes, at: int, end: int) -> tuple[tuple[Any, ...], int] | None:
        try:
            asked = _decoder.decode(body)
        except _WRONG:
            return None
        found = self._checked(asked)
        if found and len(self._ports) == 1 and at <= LONGEST_FRAME and len(body) - end <= LONGEST_FRAME:
            self._learn(body[:at], body[end:], asked, found[1])
        return found

    def _learn(self, before: bytes, behind: bytes, asked: InferRequest, rows: int) -> None:
        """Keep the frame, once it is sure that other elements in it would be the elements of its one tensor."""
        try:
            twin = _decoder.decode(before + b"[]" + behind)  # which no plain request has, wherever it stands
        except _WRONG:
            return
        if bytes(twin.inputs[0].data) != b"[]":
            return
        twin.inputs[0].data = asked.inputs[0].data
        if twin != asked:
            return
        if len(self.frames) >= MOST_FRAMES:
            self.frames.clear()
        self.frames[before] = behind, rows, self._inputs[0].reader(rows)

    def _checked(self, asked: InferRequest) -> tuple[tuple[Any, ...], int] | None:
        if asked.id is not msgspec.UNSET or not self._all_of(asked.outputs) or len(asked.inputs) != len(self._ports):
            return None
        loaded = self._loaded
        if asked.model_name not in (None, loaded.endpoint) or asked.model_version not in (None, "", loaded.version):
            return None
        if asked.parameters:
            return None
        found, shape = [], asked.inputs[0].shape[:1]
        for tensor, expected in zip(asked.inputs, self._inputs, strict=True):
            fits = tensor.shape[:1] == shape and expected.fits(tensor)
            values = expected.reader(shape[0])(memoryview(tensor.data)) if fits else None
            if values is None:
                return None
            found.append(values)
        return tuple(found), shape[0]

    def _all_of(self, outputs: Sequence[OutputWish] | None) -> bool:
        """Whether that asks for every output as it is told here."""
        if not outputs:
            return True
        said = all(not wish.parameters or _as_json(wish.parameters) for wish in outputs)
        return said and [wish.name for wish in outputs] == [*self._loaded.graph.outputs]

    def prepare(self, items: Sequence[Item]) -> Tensors:
        """The graph's inputs. Raises what numpy raises for numbers that are beyond a datatype."""
        made = {}
        columns = zip(*(values for values, _ in items), strict=True)
        for port, shape, parts in zip(self._ports, self._shapes, columns, strict=True):
            if port.kind.name in _PACKED:
                array: Array = np.frombuffer(b"".join(parts), port.kind.dtype)
            else:
                values = parts[0] if len(parts) == 1 else list(chain.from_iterable(parts))
                with np.errstate(over="raise"):
                    array = np.array(values, dtype=port.kind.dtype)
            made[port.name] = array.reshape(shape)
        return made

    def unpack(self, data: bytes) -> Tensors:
        """The graph's inputs from the packed numbers of its one tensor, where `width` says how many make a row."""
        return {self._ports[0].name: np.frombuffer(data, self._ports[0].kind.dtype).reshape(self._shapes[0])}

    def tell(self, outputs: Tensors) -> Sequence[Any]:
        """For each row the text of every output. Raises Problem (500)."""
        if len(outputs) == 1:
            ((name, array),) = outputs.items()
            return _row_texts(name, array)
        return list(zip(*(_row_texts(name, outputs[name]) for name in self._loaded.graph.outputs), strict=True))

    def wrap(self, item: Item, said: Sequence[Any]) -> bytes:
        """The body of the answer from the texts of its rows."""
        return _with_id(self._told(said), item[1])

    def wrap_all(
        self, said: Sequence[Any], rows: int, sizes: Sequence[int] | None, ids: Sequence[bytes] | None
    ) -> list[bytes]:
        """The bodies of answers of so many rows each, or of one each: None; with the requests' ids, where any has one.
        Raises ValueError where not so many `rows` are said.
        """
        if len(said) != rows:
            raise ValueError
        if sizes is None:
            alone = self._alone
            parts = [alone % one for one in said]
        else:
            parts, at = [], 0
            for size in sizes:
                parts.append(self._told(said[at : at + size]))
                at += size
        return parts if ids is None else [_with_id(*one) for one in zip(parts, ids, strict=True)]

    def _told(self, said: Sequence[Any]) -> bytes:
        if len(said) == 1:
            row: bytes = self._alone % said[0]
            return row
        columns = (said,) if len(self._texts) == 1 else zip(*said, strict=True)
        told = (t % (len(said), b",".join(c)) for t, c in zip(self._texts, columns, strict=True))
        return self._head + b",".join(told) + b"]}"


def _with_id(body: bytes, id_: bytes) -> bytes:
    return b'%b,"id":"%b"}' % (body[:-1], id_) if id_ else body


def _as_json(parameters: Parameters) -> bool:
    return len(parameters) == 1 and parameters.get("binary_data") is False


def offers(loaded: Loaded) -> bool:
    """Whether requests can be plain: rows come first everywhere, only their number varies, and nothing judges them."""
    graph = loaded.graph
    ports = (*graph.inputs.values(), *graph.outputs.values())
    return graph.batches and loaded.guards is None and all(None not in port.shape[1:] for port in ports)


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
