"""The one ensemble of trees that a graph is, out of the file's bytes; none where it is anything else.

Field numbers: onnx.proto. What is written in another way than the exporters of trees write it is not read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.wire import Value, fields
from arkwright.serve.model.tensors import Array

REGRESSOR, CLASSIFIER = "TreeEnsembleRegressor", "TreeEnsembleClassifier"
_MODES = {b"LEAF": b"l", b"BRANCH_LEQ": b"q", b"BRANCH_LT": b"t"}  # others are not read


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """`attributes` of the one node, as arrays; of texts, `nodes_modes` has a letter for each and the others are bytes.

    `given` is the graph's input, and `outputs` what the node gives: the names of the graph's outputs.
    """

    operator: str
    given: str
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


def ensemble(data: bytes) -> Ensemble | None:
    """The ensemble in a model whose bytes were checked before."""
    try:
        return _ensemble(memoryview(data))
    except (Invalid, ValueError, LookupError, TypeError):  # whatever it is, it is not what is looked for
        return None


def _ensemble(data: memoryview) -> Ensemble | None:
    (graph,) = (value for number, value in fields(data) if number == 7)
    if any(number in (5, 15) for number, _ in _parts(graph)):  # tensors, which every net keeps: read no node of it
        return None
    nodes = [_node(value) for number, value in _parts(graph) if number == 1]
    trees = [node for node in nodes if node[0] in (REGRESSOR, CLASSIFIER)]
    others = [node for node in nodes if node[0] != "Identity" and node not in trees]
    if len(trees) != 1 or others:
        return None
    operator, (given,), outputs, attributes = trees[0]
    called = {before: name for _, (before,), (name,), _ in (node for node in nodes if node[0] == "Identity")}
    names = tuple(called.get(name, name) for name in outputs)
    read = dict(_attribute(bytes(one)) for one in attributes)
    return Ensemble(operator, given, names, read) if len(read) == len(attributes) else None  # none comes twice


def _parts(message: Value) -> Iterator[tuple[int, Value]]:
    if isinstance(message, int):
        raise Invalid("a number where a part should be")
    return fields(message)


def _node(message: Value) -> tuple[str, list[str], list[str], list[memoryview]]:
    found: dict[int, list[Any]] = {1: [], 2: [], 4: [], 5: []}
    for number, value in _parts(message):
        found.setdefault(number, []).append(value)
    texts = [[bytes(value).decode() for value in found[number]] for number in (4, 1, 2)]
    (operator,) = texts[0]
    return operator, texts[1], texts[2], found[5]


def _attribute(data: bytes) -> tuple[str, Any]:
    """Its name and value. The name comes first, then one value or one list, then which of these it is."""
    if data[0] != 0x0A:
        raise ValueError
    end = 2 + data[1]
    name, rest = data[2:end].decode(), data[end:]
    value, kind = rest.rsplit(b"\xa0\x01", 1)
    readers = {b"\x07": _ints, b"\x06": _floats, b"\x08": _modes, b"\x03": _text, b"\x02": _int}
    return name, readers[kind](value)


def _text(value: bytes) -> bytes:
    if value[:2] != b"\x22%c" % (len(value) - 2):
        raise ValueError
    return value[2:]


def _int(value: bytes) -> int:
    if len(value) != 2 or value[0] != 0x18:
        raise ValueError
    return value[1]


def _floats(values: bytes) -> Array:
    found = np.frombuffer(values, np.uint8).reshape(-1, 5)  # the field's number, then its four octets
    if (found[:, 0] != 0x3D).any():
        raise ValueError
    return found[:, 1:].copy().view("<f4")[:, 0]


def _ints(values: bytes) -> Array:
    """A run of varints, of which every second is the field's number."""
    octets = np.frombuffer(values, np.uint8)
    ends = np.flatnonzero(octets < 128)
    starts = np.concatenate(([0], ends[:-1] + 1))
    if len(ends) % 2 or ends[-1] != len(octets) - 1 or (octets[starts[::2]] != 0x40).any():
        raise ValueError
    starts, ends = starts[1::2], ends[1::2]
    longest = int((ends - starts).max()) + 1
    if longest > 10:
        raise ValueError
    found = np.zeros(len(starts), np.uint64)
    for place in range(longest):
        there = starts + place <= ends
        found[there] |= (octets[starts[there] + place] & 127).astype(np.uint64) << np.uint64(7 * place)
    return found.view(np.int64)


def _modes(values: bytes) -> bytes:
    for text, letter in _MODES.items():
        values = values.replace(b"\x4a%c%b" % (len(text), text), letter)
    if values.strip(b"".join(_MODES.values())):
        raise ValueError
    return values
