"""A short message goes the shortest way."""

import asyncio
import sys

import pytest
from tritonclient.grpc import service_pb2

from arkwright.serve.grpc.door import AppDoor
from arkwright.serve.grpc.service import Service
from arkwright.serve.model.loaded import load
from arkwright.serve.processes.server import Server
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Request

from .conftest import echo_types
from .test_long import of_many

MOST = 205  # calls of functions, Python's and C's: up to 223 when short answers were made as long ones are


def asked(tensors, *, raw):
    message = of_many(tensors, 2)
    for tensor in message.inputs if raw else ():
        message.raw_input_contents.append(b"\0" * (2 * 2 * 4))
        tensor.ClearField("contents")
    return message


@pytest.mark.parametrize("raw", [False, True])
def test_few_calls_of_functions(tmp_path, raw):
    """Their number says about how long it takes, and is the same on a busy machine."""
    message = asked(["FP32"], raw=raw)
    echo_types(tmp_path, ["FP32"])
    count, body = 0, message.SerializeToString()

    def count_one(frame, event, arg):
        nonlocal count
        del frame, arg
        count += event in ("call", "c_call")

    async def main():
        loaded = load(tmp_path, endpoint="typed", release="release:typed@1", digest="1" * 64)
        server = Server(Limits())
        server.app.install({"typed": Route("typed", [(Lane(loaded, Limits()), 1.0)])})
        service = Service(AppDoor(server.app), Limits().body)
        for _ in range(3):
            answer = await service.infer(body, Request("POST", "", {}, b""), None)
        sys.setprofile(count_one)
        try:
            await service.infer(body, Request("POST", "", {}, b""), None)
        finally:
            sys.setprofile(None)
        return service_pb2.ModelInferResponse.FromString(answer)

    answer = asyncio.run(main())
    assert (answer.id, answer.outputs[0].name, list(answer.outputs[0].shape)) == ("7", "FP32_out", [2, 2])
    assert answer.raw_output_contents == message.raw_input_contents
    assert answer.outputs[0].contents == message.inputs[0].contents
    assert count <= MOST, count
