"""A release that answers one through its number, and who asks a server without a socket."""

import asyncio
from time import monotonic

import onnx
from onnx import TensorProto, helper
from tests.serve.conftest import proto, value, write

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.wire.messages import Request


def reciprocal(folder):
    """1 / x: infinite for whoever asks for 0, and JSON has no word for that."""
    graph = proto(
        [value("x", TensorProto.FLOAT, ["n", 1])],
        [value("y", TensorProto.FLOAT, ["n", 1])],
        [helper.make_node("Reciprocal", ["x"], ["y"])],
    )
    tensors = [(Tensor(name=n, datatype="FP32"),) for n in "xy"]
    columns = (Column(name="x", type="float"),)
    about = Signature(model="m", task="regression", target="t", columns=columns, inputs=tensors[0], outputs=tensors[1])
    return write(folder, about, graph)


def row_by_row(folder):
    """The same as `reciprocal`, for one row at a time, which has no short way."""
    graph = proto(
        [value("x", TensorProto.FLOAT, [1, 1])],
        [value("y", TensorProto.FLOAT, [1, 1])],
        [helper.make_node("Reciprocal", ["x"], ["y"])],
    )
    reciprocal(folder)
    onnx.save(graph, folder / "model.onnx")
    return folder


class Caller:
    """Who sends requests to a server without a socket, and what each was answered."""

    def __init__(self, app):
        self.app, self.answers = app, []

    def said(self, request, body, headers):
        self.answers.append((200, headers))

    def long_way(self, request):
        self.app(request, lambda response: self.answers.append((response.status, response.headers)))

    def ask(self, path, body):
        request = Request("POST", path, {}, body, received=monotonic())
        way = self.app.way(request)
        if way is None or not way(request, self):
            self.long_way(request)

    async def all(self, count):
        while len(self.answers) < count:  # noqa: ASYNC110 - one turn of the loop
            await asyncio.sleep(0)
        return self.answers
