"""Two releases behind one endpoint, moved from one to the other while callers ask over gRPC."""

import asyncio
from collections import Counter

import grpc.aio
import numpy as np
from tests.serve.conftest import flat_release
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.grpc.door import AppDoor
from arkwright.serve.grpc.server import GrpcServer
from arkwright.serve.processes.server import Server
from arkwright.serve.wire.limits import Limits

KEYS = [f"customer-{i}" for i in range(40)]
STEPS = [{1: 1.0}, {2: 0.25, 1: 0.75}, {2: 0.5, 1: 0.5}, {2: 1.0}]
SLOPES = {1: 0.5, 2: 0.25}  # by which the answer tells who gave it
ROW = np.array([[2.0, 0.0, 0.0]], np.float32)


def request():
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="features", datatype="FP32", shape=[1, 3])
    return service_pb2.ModelInferRequest(model_name="late", inputs=[tensor], raw_input_contents=[ROW.tobytes()])


def answered(response):
    """The version that answered, by everything that names it."""
    version = int(response.model_version)
    assert response.parameters["release"].string_param == f"release:late@{version}"
    assert response.parameters["digest"].string_param == str(version) * 64
    (_, late), *_ = np.frombuffer(response.raw_output_contents[1], np.float32).reshape(-1, 2)
    np.testing.assert_allclose(late, 1 / (1 + np.exp(-2 * SLOPES[version])), atol=1e-6)
    return version


def test_a_canary_grows_until_it_answers_alone_and_no_call_fails(tmp_path):
    for version, slope in SLOPES.items():
        flat_release(tmp_path / str(version), slope)

    def routing(number, shares):
        served = {v: Served(tmp_path / str(v), f"release:late@{v}", str(v) * 64) for v in shares}
        return Routing(tuple(Share(served[v], part) for v, part in shares.items()), version=number)

    async def moved():
        server, found, flow = Server(Limits()), [], Counter()
        await server.serve({"late": routing(1, STEPS[0])})
        calls = GrpcServer(AppDoor(server.app), Limits())
        async with grpc.aio.insecure_channel(await calls.start("127.0.0.1", 0)) as channel:
            ask = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer

            async def flows():
                while True:
                    flow[answered(await ask(request()))] += 1

            flowing = [asyncio.create_task(flows()) for _ in range(4)]
            for number, shares in enumerate(STEPS, 1):
                await server.serve({"late": routing(number, shares)})
                said = await asyncio.gather(*(ask(request(), metadata=[("arkwright-key", key)]) for key in KEYS))
                found.append([answered(one) for one in said])
            assert not any(task.done() for task in flowing)
            for task in flowing:
                task.cancel()
            await asyncio.wait(flowing)
        await calls.stop()
        return found, flow

    found, flow = asyncio.run(asyncio.wait_for(moved(), 30))
    assert set(flow) == {1, 2}
    by_key = list(zip(*found, strict=True))
    assert all(list(versions) == sorted(versions) for versions in by_key)  # who has the new one keeps it
    assert [sum(step) - len(KEYS) for step in found] == [0, 13, 20, 40]
