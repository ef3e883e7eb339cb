"""Raw rows in, predictions out: what people and their services call."""

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Any

import numpy as np
import orjson

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.signature import Signature
from arkwright.core.usercode import describe
from arkwright.serve.batch import Batcher, Job
from arkwright.serve.graph import Graph
from arkwright.serve.loaded import Loaded
from arkwright.serve.messages import Problem, Reply, Request, Response
from arkwright.serve.tensors import Array, Tensors, finite

Reader = Callable[[Tensors], Sequence[bytes]]  # outputs to one JSON text for each row


def predict(
    loaded: Loaded,
    read: Reader,
    batcher: Batcher,
    request: Request,
    body: bytes,
    reply: Reply,
    deadline: float = inf,
) -> None:
    """One row or a list of rows. Raises Problem: 400 is no JSON, 422 is not such a row."""
    rows, alone = loaded.rows.decode(body)
    prepare, finish = partial(_prepared, loaded, rows, alone), partial(_finished, loaded, read, alone)
    items, wrap = (rows, partial(_wrapped, loaded, alone)) if loaded.fast else (None, None)
    batcher.add(Job(request, len(rows), loaded.fast, prepare, finish, reply, deadline, items=items, wrap=wrap))


def answer_once(loaded: Loaded, read: Reader, body: bytes) -> bytes:
    """The body of the answer to one request, computed as the server computes it, without a loop or a socket.

    Raises Problem where the server refuses, and what the project's code and the graph raise.
    """
    rows, alone = loaded.rows.decode(body)
    return _finished(loaded, read, alone, loaded.graph.run(_prepared(loaded, rows, alone))).body


def predict_once(loaded: Loaded, rows: bytes) -> Any:
    """What the endpoint answers to one row or a list of rows, in JSON. Raises Invalid with the server's words."""
    try:
        return orjson.loads(answer_once(loaded, reader(loaded.signature, loaded.graph), rows))
    except Problem as problem:
        raise Invalid(problem.message) from None
    except ArkwrightError:
        raise
    except Exception as error:  # onnxruntime has no public class for its errors
        raise Invalid(f"the model failed on these rows: {describe(error)}") from error


def _prepared(loaded: Loaded, rows: Sequence[Any], alone: bool) -> Tensors:  # noqa: FBT001
    try:
        return loaded.prepare(rows)
    except Problem as problem:
        if alone:
            raise Problem(problem.status, problem.message.replace("$[0]", "$", 1)) from None
        raise


def _finished(loaded: Loaded, read: Reader, alone: bool, outputs: Tensors) -> Response:  # noqa: FBT001
    return _wrapped(loaded, alone, read(outputs))


def _wrapped(loaded: Loaded, alone: bool, said: Sequence[bytes]) -> Response:  # noqa: FBT001
    if alone:
        return Response(200, b'{"prediction":%b%b' % (said[0], loaded.tail), headers=loaded.headers)
    return Response(200, b'{"predictions":[%b]%b' % (b",".join(said), loaded.tail), headers=loaded.headers)


def reader(signature: Signature, graph: Graph) -> Reader:
    """How this model's outputs are told: a label with probabilities by class, a value, or every output by its name.

    The reader raises Problem (500) for a NaN or an infinity, which JSON has no word for. The numbers of a whole batch
    become text at once, each in its shortest form, and are cut apart by row: that is several times faster than a
    number at a time.
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


def class_name(value: object) -> str:
    """A class as a JSON key."""
    return str(value).lower() if isinstance(value, bool) else str(value)


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
    if not finite(table):
        raise Problem(500, f"the model answered NaN or Infinity in {name!r}")
    return orjson.dumps(np.ascontiguousarray(table), option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")


def _values(name: str, array: Array) -> Sequence[bytes]:
    """One value per row: a number or text, or a list where the output has more columns than one."""
    if array.dtype.kind not in "fiu":
        one = array.ndim > 1 and array.size == len(array)
        return [orjson.dumps(value) for value in (array.reshape(-1) if one else array).tolist()]
    if array.size == len(array):
        return _texts(name, array.reshape(1, -1))[0].split(b",")
    if array.ndim == 2:
        return [b"[%b]" % row for row in _texts(name, array)]
    if not finite(array):
        raise Problem(500, f"the model answered NaN or Infinity in {name!r}")
    return [orjson.dumps(np.ascontiguousarray(row), option=orjson.OPT_SERIALIZE_NUMPY) for row in array]
