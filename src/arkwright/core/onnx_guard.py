"""What an ONNX file may be, checked on its bytes before any engine reads it, with nothing but the standard library.

Refused: tensors kept in other files (a door to any path), operators that would need a library of somebody's own,
functions and training graphs, loops (which may never end), and sizes that claim more than the file holds.
Whether the graph makes sense (cycles, types, shapes) is for the engine that loads it, in a process with limits.

Field numbers: onnx.proto of ONNX IR version 13, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

import re
from collections.abc import Callable, Collection
from pathlib import Path

from arkwright.core.errors import Invalid, Refused
from arkwright.core.wire import Value, fields, signed, varints

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")  # the last: operators that ONNX Runtime itself brings
ENDLESS = ("Loop",)
_ONE_SCALE = frozenset(("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"))
LARGEST = 2**31 - 1  # what protobuf can hold, and the most elements of one tensor
DEEPEST = 16
MOST_NODES = 50_000
# trees are long lists of numbers and words, field after field (floats = 7, ints = 8, strings = 9, here the short ones);
# they are skipped in one step
_WORDS = b"|".join(b"%b.{%d}" % (re.escape(bytes([length])), length) for length in range(16))
_LISTS = re.compile(rb"(?:\x3d.{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f]|\x4a(?:%b))++" % _WORDS, re.DOTALL)


def check(path: Path, *, largest: int = LARGEST) -> bytes:
    """The bytes that were looked at. Raises Invalid when the file is no ONNX model or too large, Refused when it holds
    what no release may.
    """
    _check_size(path.stat().st_size, path.name, largest)
    data = path.read_bytes()
    check_bytes(data, path.name, largest=largest)
    return data


def check_bytes(data: bytes, name: str, *, largest: int = LARGEST) -> frozenset[str]:
    """The same of bytes that came from the file `name`: which operators it holds."""
    _check_size(len(data), name, largest)
    guard = _Guard()
    try:
        guard.model(memoryview(data))
    except (Invalid, Refused) as error:
        raise type(error)(f"{name}: {error}") from None
    return frozenset(guard.operators)


def mixes_rows(operators: Collection[str]) -> bool:
    """Whether the answer to a row may depend on the rows beside it: one scale is found for the numbers of all."""
    return not _ONE_SCALE.isdisjoint(operators)


def settings(operators: Collection[str]) -> dict[str, str]:
    """Of a session, so that it widens the weights once, as it is made, and not in every run, where nothing else is kept
    in 8 bits.
    """
    only_weights = "DequantizeLinear" in operators and "QuantizeLinear" not in operators
    return {"session.disable_quant_qdq": "1"} if only_weights else {}


def _check_size(size: int, name: str, largest: int) -> None:
    if not 0 < size <= largest:
        raise Invalid(f"{name} has {size} bytes; a model has 1 to {largest}")


class _Guard:
    """One walk through one file; counts what adds up over all its graphs."""

    def __init__(self) -> None:
        self.nodes = 0
        self.operators: set[str] = set()

    def model(self, message: memoryview) -> None:
        graphs = opsets = 0
        for number, value in fields(message):
            if number == 7:
                graphs += 1
                self.graph(_part(value), 0)
            elif number == 8:
                opsets += 1
            elif number == 20:
                raise Refused("it holds a training graph; export the model for inference")
            elif number == 25:
                raise Refused("it holds functions of its own; inline them when exporting")
        if graphs != 1 or not opsets:
            raise Invalid("the file is no ONNX model: it needs one graph and the operator sets it uses")

    def graph(self, message: memoryview, depth: int) -> None:
        if depth > DEEPEST:
            raise Refused(f"its graphs are nested more than {DEEPEST} deep")
        parts: dict[int, Callable[[memoryview], None]] = {
            1: lambda part: self.node(part, depth),
            5: _tensor,
            11: _port,
            12: _port,
            13: _port,
        }
        for number, value in fields(message):
            if number == 15:
                raise Refused("it holds sparse tensors; store them densely")
            if number in parts:
                parts[number](_part(value))

    def node(self, message: memoryview, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Refused(f"it has more than {MOST_NODES} nodes")
        domain = operator = ""
        for number, value in fields(message):
            if number == 4:
                operator = _text(value)
            elif number == 7:
                domain = _text(value)
            elif number == 5:
                self.attribute(_part(value), depth)
        self.operators.add(operator)
        if domain not in DOMAINS:
            raise Refused(f"its operator {operator[:60]!r} comes from {domain[:60]!r}, a library that may be anybody's")
        if operator in ENDLESS:
            raise Refused(f"it holds a {operator}, which may never end; write the model without")

    def attribute(self, message: memoryview, depth: int) -> None:
        for number, value in fields(message, skip=_LISTS):
            if number in (5, 10):
                _tensor(_part(value))
            elif number in (6, 11):
                self.graph(_part(value), depth + 1)
            elif number in (22, 23):
                raise Refused("it holds sparse tensors; store them densely")


def _tensor(message: memoryview) -> None:
    elements, held = 1, 0
    for number, value in fields(message):
        if number == 1:
            for size in (value,) if isinstance(value, int) else varints(value):
                elements *= _size(size)
                if elements > LARGEST:
                    raise Refused("one of its tensors claims more than two thousand million elements")
        elif number == 13 or (number == 14 and value != 0):
            raise Refused("it keeps tensors in other files; save the model in one file")
        elif number in (4, 5, 6, 7, 9, 10, 11):  # the data, of one type or another; two 4-bit numbers share a byte
            held += 1 if isinstance(value, int) else 2 * len(value) + 1
    if elements > held:
        raise Refused(f"one of its tensors claims {elements} elements and holds fewer")


def _port(message: memoryview) -> None:
    """ValueInfo.type.tensor_type.shape.dim.dim_value: what sizes inputs and outputs claim."""
    for level in fields(message):
        for tensor in _inside(level, 2):
            for shape in _inside(tensor, 1):
                for dimension in _inside(shape, 2):
                    for number, value in _inside(dimension, 1):
                        if number == 1 and isinstance(value, int):
                            _size(value)


def _inside(field: tuple[int, Value], wanted: int) -> list[tuple[int, Value]]:
    number, value = field
    return list(fields(value)) if number == wanted and isinstance(value, memoryview) else []


def _size(value: int) -> int:
    if not 0 <= signed(value) <= LARGEST:
        raise Refused(f"it claims a size of {signed(value)}")
    return value


def _part(value: Value) -> memoryview:
    if isinstance(value, int):
        raise Invalid("the file is no ONNX model: a number where a part should be")
    return value


def _text(value: Value) -> str:
    return bytes(_part(value)).decode("utf-8", "replace")
