"""How a model's outputs are told: one JSON text for each row."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson

from arkwright.core.safeguards.words import class_name
from arkwright.core.signature import Signature
from arkwright.serve.model.graph import Graph
from arkwright.serve.model.slices import SLICE, cut, placed, slices
from arkwright.serve.model.tensors import Array, Tensors, odd_row
from arkwright.serve.wire.messages import Problem

Reader = Callable[[Tensors], Sequence[bytes]]  # outputs to one JSON text for each row


def reader(signature: Signature, graph: Graph) -> Reader:
    """How this model's outputs are told: a label with probabilities by class, a value, or every output by its name.

    The reader raises Problem (500) for a NaN or an infinity, which JSON has no word for, and names its row. The numbers
    of a whole batch become text at once, each in its shortest form, and are cut apart by row: that is several times
    faster than a number at a time.
    """
    if signature.classes:
        probabilities = _probabilities(signature, graph)
        if probabilities is not None:
            return _labels(signature, graph, probabilities)
    if len(graph.outputs) == 1:
        (only,) = graph.outputs
        return lambda outputs: [b'{"value":%b}' % value for value in _values(only, outputs[only])]
    names = list(graph.outputs)
    template = _template(b'{"outputs":{', names, b"}}")

    def everything(outputs: Tensors) -> Sequence[bytes]:
        columns = [_values(name, outputs[name]) for name in names]
        return [template % row for row in zip(*columns, strict=True)]

    return everything


def said(read: Reader, rows: int, outputs: Tensors) -> Sequence[bytes]:
    """A text for each row; of many, one for each slice, in which its rows stand with commas between."""
    if rows <= SLICE or any(array.shape[:1] != (rows,) for array in outputs.values()):
        return read(outputs)
    return [_slice(read, outputs, part) for part in slices(rows)]


def _slice(read: Reader, outputs: Tensors, part: slice) -> bytes:
    try:
        return b",".join(read(cut(outputs, part)))
    except Problem as problem:
        raise Problem(problem.status, placed(problem.message, part.start), problem.headers) from None


def _probabilities(signature: Signature, graph: Graph) -> str | None:
    """The float output with one column per class; with two classes one column will do: the second's."""
    for name, port in graph.outputs.items():
        if port.kind.python is float:
            width = port.shape[1] if len(port.shape) > 1 else 1
            tensor = next(t for t in signature.outputs if t.name == name)
            width = width or len(tensor.columns) or len(signature.classes)
            if width == len(signature.classes) or (width == 1 and len(signature.classes) == 2):
                return name
    return None


def _labels(signature: Signature, graph: Graph, probabilities: str) -> Reader:
    classes = signature.classes
    label = next((name for name, port in graph.outputs.items() if port.kind.python is not float), None)
    template = _template(b'{"label":%b,"probabilities":{', [class_name(value) for value in classes], b"}}")
    told: dict[object, bytes] = {value: orjson.dumps(value) for value in classes}

    def read(outputs: Tensors) -> Sequence[bytes]:
        table = outputs[probabilities]
        if table.size == len(table) and len(classes) == 2:  # of the second class alone
            second = table.reshape(-1)
            table = np.stack([1 - second, second], axis=1)
        else:
            table = table.reshape(len(table), -1)
        labels = outputs[label].reshape(-1).tolist() if label else table.argmax(axis=1).tolist()
        rows = _texts(probabilities, table)
        return [
            template % (told.get(said) or _class(said, classes), *row.split(b","))
            for said, row in zip(labels, rows, strict=True)
        ]

    return read


def _class(said: Any, classes: Sequence[object]) -> bytes:
    """The class that a graph's label means: its place among texts, when it is not itself one."""
    return orjson.dumps(classes[said] if isinstance(said, int) and 0 <= said < len(classes) else said)


def _template(begin: bytes, keys: Sequence[str], end: bytes) -> bytes:
    """A JSON object's text with a place for the value of each key."""
    return begin + b",".join(orjson.dumps(key).replace(b"%", b"%%") + b":%b" for key in keys) + end


def _texts(name: str, table: Array) -> Sequence[bytes]:
    """(n, m) numbers as JSON: for each row its numbers with commas between. Raises Problem (500)."""
    return _text(name, table)[2:-2].split(b"],[")


def _text(name: str, array: Array, row: int = 0) -> bytes:
    """Numbers as JSON, of the rows from this one on. Raises Problem (500) for a NaN or an infinity: orjson writes them
    as null.
    """
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    if b"null" in text:  # a tenth of the time of asking numpy
        raise Problem(500, f"$[{row + odd_row(array)}]: the model answered NaN or Infinity in {name!r}")
    return text


def _values(name: str, array: Array) -> Sequence[bytes]:
    """One value per row: a number or text, or a list where the output has more columns than one."""
    if array.dtype.kind not in "fiu":
        one = array.ndim > 1 and array.size == len(array)
        return [orjson.dumps(value) for value in (array.reshape(-1) if one else array).tolist()]
    if array.size == len(array):
        return _text(name, array.reshape(-1))[1:-1].split(b",")
    if array.ndim == 2:
        return [b"[%b]" % row for row in _texts(name, array)]
    return [_text(name, row[None], at)[1:-1] for at, row in enumerate(array)]
