"""Raw rows in, predictions out: what people and their services call."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.signature import Signature
from arkwright.core.usercode import describe
from arkwright.serve.batch import Batcher, Job
from arkwright.serve.graph import Graph
from arkwright.serve.loaded import Loaded
from arkwright.serve.messages import Problem, Reply, Request, Response, json_response
from arkwright.serve.tensors import Tensors, finite

Reader = Callable[[Tensors], list[Any]]


def predict(loaded: Loaded, read: Reader, batcher: Batcher, request: Request, body: bytes, reply: Reply) -> None:
    """One row or a list of rows. Raises Problem: 400 is no JSON, 422 is not such a row."""
    rows, alone = loaded.rows.decode(body)
    prepare, finish = partial(_prepared, loaded, rows, alone), partial(_finished, loaded, read, alone)
    batcher.add(Job(request, len(rows), fast=loaded.fast, prepare=prepare, finish=finish, reply=reply))


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
    for name, array in outputs.items():
        if not finite(array):
            raise Problem(500, f"the model answered NaN or Infinity in {name!r}")
    said = read(outputs)
    what = {"prediction": said[0]} if alone else {"predictions": said}
    return json_response({**what, "release": loaded.release, "digest": loaded.digest}, headers=loaded.headers)


def reader(signature: Signature, graph: Graph) -> Reader:
    """How this model's outputs are told: a label with probabilities by class, a value, or every output by its name."""
    if signature.classes:
        probabilities = _probabilities(signature, graph)
        if probabilities is not None:
            return _labels(signature, graph, probabilities)
    if len(graph.outputs) == 1:
        (only,) = graph.outputs
        return lambda outputs: [{"value": value} for value in _values(outputs[only])]
    names = list(graph.outputs)

    def everything(outputs: Tensors) -> list[Any]:
        columns = [_values(outputs[name]) for name in names]
        return [{"outputs": dict(zip(names, row, strict=True))} for row in zip(*columns, strict=True)]

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
    keys = [class_name(value) for value in classes]
    label = next((name for name, port in graph.outputs.items() if port.kind.python is not float), None)
    by_value: Mapping[object, object] = {value: value for value in classes}

    def read(outputs: Tensors) -> list[Any]:
        table = outputs[probabilities]
        one = table.size == len(table)
        if one and len(classes) == 2:
            second = table.reshape(-1)
            rows: Sequence[Sequence[Any]] = [(1 - p, p) for p in second]
        else:
            rows = table.reshape(len(table), -1)  # type: ignore[assignment]
        labels = (
            _values(outputs[label]) if label else [classes[int(max(range(len(r)), key=r.__getitem__))] for r in rows]
        )
        return [
            {"label": _class(said, by_value, classes), "probabilities": dict(zip(keys, row, strict=True))}
            for said, row in zip(labels, rows, strict=True)
        ]

    return read


def _class(said: Any, by_value: Mapping[object, object], classes: Sequence[object]) -> object:
    """The class that a graph's label means: itself (1 is True), or its place among texts."""
    if said in by_value:
        return by_value[said]
    return classes[said] if isinstance(said, int) and 0 <= said < len(classes) else said


def _values(array: Any) -> list[Any]:
    """One value per row: a number or text, or a list where the output has more columns than one."""
    if array.ndim > 1 and array.size == len(array):
        array = array.reshape(-1)
    return list(array) if array.dtype.kind == "f" else array.tolist()  # numpy's own floats are written shortest
