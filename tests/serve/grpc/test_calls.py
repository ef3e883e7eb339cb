"""What a call's caller and the server do to it: leaving, being late, sending too much, stopping."""

import asyncio
import contextlib
import http.client
import json
import socket
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.grpc import service_pb2

from arkwright.core.errors import Invalid, Refused
from arkwright.serve.grpc.door import AppDoor
from arkwright.serve.grpc.server import GrpcServer
from arkwright.serve.rest.app import App
from arkwright.serve.rest.repository import Repository
from arkwright.serve.wire.limits import Limits

from .conftest import LONG, Serving, answered, rows
from .serving import HELD

Code = grpc.StatusCode


@contextlib.contextmanager
def busy(serving):
    """The model's thread is held by one call until the block ends."""
    with serving.stub() as stub:
        first = stub.ModelInfer.future(rows(HELD), timeout=LONG)
        serving.wait("held")
        yield
        serving.go()
        assert len(answered(first.result())) == 2 * HELD


def ran(serving):
    """The rows of the runs until one of 350 rows, which is sent to mark the end."""
    with serving.stub() as stub:
        stub.ModelInfer(rows(350), timeout=LONG)
    return [words[1] for words in serving.wait("ran", 350) if words[0] == "ran"]


@pytest.fixture
def alone(folders):
    with Serving({"f32": folders["f32"]}) as serving:
        yield serving


@pytest.fixture
def stub(alone):
    with alone.stub() as stub:
        yield stub


def test_a_cancelled_call_is_not_computed(alone, stub):
    with busy(alone):
        leaving, staying = stub.ModelInfer.future(rows(310)), stub.ModelInfer.future(rows(320))
        alone.wait("added", 310)
        leaving.cancel()
        alone.wait("gone", 310)
    assert len(answered(staying.result(LONG))) == 640
    assert ran(alone) == ["400", "320", "350"]


def test_a_call_whose_deadline_passes_while_it_waits_is_not_computed(alone, stub):
    timeout = {"timeout": service_pb2.InferParameter(int64_param=1000)}
    with busy(alone):
        late = stub.ModelInfer.future(rows(310), timeout=0.3)
        timed = stub.ModelInfer.future(rows(330, parameters=timeout))
        staying = stub.ModelInfer.future(rows(320), timeout=LONG)
        assert late.code() is Code.DEADLINE_EXCEEDED
    assert timed.code() is Code.DEADLINE_EXCEEDED
    assert "before the model could run" in timed.details()
    assert len(answered(staying.result(LONG))) == 640
    assert ran(alone) == ["400", "320", "350"]


def test_a_connection_that_is_lost_takes_its_calls_along(alone):
    with busy(alone):
        with alone.stub() as other:
            call = other.ModelInfer.future(rows(310))
            alone.wait("added", 310)
        alone.wait("gone", 310)
    assert call.code() is Code.CANCELLED
    assert ran(alone) == ["400", "350"]


def test_both_protocols_share_a_run(alone, stub):
    """On a machine so busy that a run takes long, they are cut apart: what waits is served in slices of time."""
    client = http.client.HTTPConnection("127.0.0.1", alone.rest, timeout=LONG)
    tensor = {"name": "f32", "datatype": "FP32", "shape": [320, 2], "data": [1] * 640}
    for _ in range(10):
        with busy(alone):
            over_grpc = stub.ModelInfer.future(rows(310))
            client.request("POST", "/v2/models/f32/infer", json.dumps({"inputs": [tensor]}))
            alone.wait("added", 320)
        answer = client.getresponse()
        answer.read()
        assert answer.status == 200
        assert answered(over_grpc.result(LONG)).tolist() == list(range(620))
        if ran(alone) == ["400", "630", "350"]:
            break
    else:
        pytest.fail("they never shared a run")
    client.close()


def test_a_queue_that_is_full_says_so_and_when_to_come_again(folders):
    with Serving({"f32": folders["f32"]}, queue=1) as serving, serving.stub() as stub, serving.stub() as other:
        with busy(serving):
            waiting = stub.ModelInfer.future(rows(310))
            serving.wait("added", 310)
            refused = other.ModelInfer.future(rows(320))
            assert refused.code() is Code.UNAVAILABLE
            assert "too many requests wait" in refused.details()
            (pushback,) = [value for key, value in refused.trailing_metadata() if key == "grpc-retry-pushback-ms"]
            assert 1000 <= int(pushback) <= 3000
        assert len(answered(waiting.result(LONG))) == 620


def test_a_quota_is_one_for_both_protocols(folders):
    with Serving({"f32": folders["f32"]}, rate=0.01) as serving, serving.stub() as stub:
        client = http.client.HTTPConnection("127.0.0.1", serving.rest, timeout=LONG)
        client.request("POST", "/v2/models/f32/infer", "{}")
        assert client.getresponse().status == 400
        client.close()
        call = stub.ModelInfer.future(rows(1))
        assert call.code() is Code.RESOURCE_EXHAUSTED
        assert "one client may" in call.details()


def test_a_message_that_is_too_large(folders):
    with Serving({"f32": folders["f32"]}, body=100_000) as serving, serving.stub() as stub:
        assert len(answered(stub.ModelInfer(rows(12_000)))) == 24_000
        call = stub.ModelInfer.future(rows(13_000))
        assert call.code() is Code.RESOURCE_EXHAUSTED
        stub.ModelInfer(rows(1))


def test_large_messages_together(folders):
    with Serving({"f32": folders["f32"]}, bodies=6000) as serving, serving.stub() as stub, busy(serving):
        call = stub.ModelInfer.future(rows(400))
        assert call.code() is Code.UNAVAILABLE
        assert "too many large requests" in call.details()
        stub.ModelInfer(rows(10))


@pytest.mark.parametrize("kind", [grpc.Compression.Gzip, grpc.Compression.Deflate], ids=["gzip", "deflate"])
def test_a_message_that_expands_without_end(served, kind):
    """64 MiB are the limit whatever the message was before: 256 MiB of zeros are a quarter of one on the wire."""
    before = peak(served.process.pid)
    with served.channel(compression=kind) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer").future(bytes(256 << 20))
        assert call.code() is Code.RESOURCE_EXHAUSTED
    assert peak(served.process.pid) - before < 200 << 10


def test_many_messages_that_expand_together(folders):
    """Two of 64 MiB are inflated at once, whoever sends them and in whatever coding; the others wait, and each is
    answered.
    """
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="f32", datatype="FP32", shape=[2, 2])
    tensor.contents.bytes_contents.append(bytes(60 << 20))
    body = service_pb2.ModelInferRequest(model_name="f32", inputs=[tensor]).SerializeToString()
    with Serving({"f32": folders["f32"]}) as serving, contextlib.ExitStack() as stack:
        before = peak(serving.process.pid)
        kinds = (grpc.Compression.Gzip, grpc.Compression.Deflate)
        channels = [stack.enter_context(serving.channel(compression=kind)) for kind in kinds]
        infers = [channel.unary_unary("/inference.GRPCInferenceService/ModelInfer") for channel in channels]
        calls = [infer.future(body, timeout=LONG) for _ in range(5) for infer in infers]
        assert {call.code() for call in calls} <= {Code.INVALID_ARGUMENT, Code.UNAVAILABLE}
        assert peak(serving.process.pid) - before < 600 << 10  # more than 1,000 where all are inflated
        live = channels[0].unary_unary("/inference.GRPCInferenceService/ServerLive").future(b"", timeout=LONG)
        assert live.code() is Code.OK


@pytest.mark.parametrize("body", [b"\x1f\x8b", b"\x1f\x8b no gzip", b"x\x9c no deflate", b"x\x9c"])
def test_what_is_not_compressed_as_it_says(served, body):
    with served.channel() as channel:
        for name in ("ModelInfer", "ModelReady"):
            call = channel.unary_unary(f"/inference.GRPCInferenceService/{name}").future(body)
            assert call.code() is Code.INVALID_ARGUMENT, name


@contextlib.contextmanager
def silence():
    """The messages of a client that says nothing and does not leave."""
    over = threading.Event()
    yield (over.wait(LONG) for _ in range(1) if not over.wait(LONG))
    over.set()


def peak(pid):
    """The most memory that a process ever had, in KiB."""
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123
        return int(next(line for line in status if line.startswith("VmHWM")).split()[1])


def test_not_one_message(served):
    """A call without a message is told so; what follows the first is not read."""
    with served.channel() as channel:
        live = channel.stream_unary("/inference.GRPCInferenceService/ServerLive")
        assert live(iter([b"", b""])) == service_pb2.ServerLiveResponse(live=True).SerializeToString()
        with pytest.raises(grpc.RpcError, match="without a message") as caught:
            live(iter(()))
        assert caught.value.code() is Code.INVALID_ARGUMENT


def test_a_message_that_never_comes_is_given_up(folders):
    with Serving({"f32": folders["f32"]}, request_time=0.5) as serving, serving.channel() as channel, silence() as said:
        call = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer").future(said)
        assert call.code() is Code.DEADLINE_EXCEEDED


def test_metadata_that_are_too_large(served):
    with served.stub() as stub:
        call = stub.ModelInfer.future(rows(1), metadata=[("x", "y" * 20_000)])
        assert call.code() is Code.RESOURCE_EXHAUSTED
        stub.ModelInfer(rows(1))


def test_what_is_no_http2_is_closed(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=LONG) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(65536):
                pass
    with served.stub() as stub:
        stub.ModelInfer(rows(1))


def test_stopping_answers_what_is_in_flight(folders):
    with contextlib.ExitStack() as stack:
        serving = stack.enter_context(Serving({"f32": folders["f32"]}))
        stub, channel = stack.enter_context(serving.stub()), stack.enter_context(serving.channel())
        watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="f32"))
        assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
        streaming = stub.ModelStreamInfer(stack.enter_context(silence()))
        first = stub.ModelInfer.future(rows(HELD))
        serving.wait("held")
        calls = [stub.ModelInfer.future(rows(300, i)) for i in range(100)]
        for _ in calls:
            serving.wait("added", 300)
        serving.stop()
        serving.wait("stopping")
        assert [answer.status for answer in watching] == [health_pb2.HealthCheckResponse.NOT_SERVING]
        assert list(streaming) == []
        serving.go()
        assert len(answered(first.result(LONG))) == 2 * HELD
        for i, call in enumerate(calls):
            assert answered(call.result(LONG))[0] == i
        serving.wait("stopped")


def test_who_asks_again_when_it_is_answered_asks_no_server_that_stops(folders):
    """It would be told CANCELLED by gRPC's core, and nobody asks again for that."""
    with contextlib.ExitStack() as stack:
        serving = stack.enter_context(Serving({"f32": folders["f32"]}))
        stubs = [stack.enter_context(serving.stub()) for _ in range(4)]
        first = stubs[0].ModelInfer.future(rows(HELD))
        serving.wait("held")
        waiting = [stub.ModelInfer.future(rows(300, i)) for i, stub in enumerate(stubs[1:])]
        for _ in waiting:
            serving.wait("added", 300)
        serving.stop()
        serving.wait("stopping")
        serving.go()
        assert [call.code() for call in (first, *waiting)] == [Code.OK] * 4
        assert [stub.ModelInfer.future(rows(1)).code() for stub in stubs] == [Code.UNAVAILABLE] * 4


def test_no_call_is_lost_when_the_server_stops_under_load(folders):
    """What was sent before is answered. What comes later may be refused, by gRPC's core as CANCELLED until the client
    has seen that the connection ends; nothing hangs and no answer is wrong.
    """
    with Serving({"f32": folders["f32"]}, queue_time=LONG) as serving, serving.stub() as stub:
        held = stub.ModelInfer.future(rows(HELD))  # nothing is known yet of what a run takes, so all may wait behind it
        serving.wait("held")
        before = [stub.ModelInfer.future(rows(300, i)) for i in range(200)]
        for _ in before:
            serving.wait("added", 300)  # it has come
        serving.stop()
        serving.go()
        later = [stub.ModelInfer.future(rows(1, i)) for i in range(1000)]
        assert {call.code() for call in (held, *before)} == {Code.OK}
        assert [answered(call.result())[0] for call in before] == list(range(200))
        assert {call.code() for call in later} <= {Code.OK, Code.UNAVAILABLE, Code.CANCELLED}
        for i, call in enumerate(later):
            if call.code() is Code.OK:
                assert answered(call.result()).tolist() == [i, i + 1]


def test_health(served):
    Status = health_pb2.HealthCheckResponse
    with served.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", "inference.GRPCInferenceService", "f32"):
            assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == Status.SERVING
        with pytest.raises(grpc.RpcError, match='did you mean "f32"') as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="f33"))
        assert caught.value.code() is Code.NOT_FOUND
        watching = stub.Watch(health_pb2.HealthCheckRequest(service="f33"))
        assert next(watching).status == Status.SERVICE_UNKNOWN
        watching.cancel()


def test_nothing_is_told_by_reflection(served):
    with served.channel() as channel:
        call = channel.unary_unary("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo").future(b"")
        assert call.code() is Code.UNIMPLEMENTED


def test_an_address_that_other_machines_reach_is_refused_and_a_port_that_is_taken():
    async def main():
        with pytest.raises(Refused, match="no authentication"):
            await GrpcServer(AppDoor(App(1, Repository(None))), Limits()).start("0.0.0.0", 0)
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Invalid, match="choose another port"):
            await GrpcServer(AppDoor(App(1, Repository(None))), Limits()).start("127.0.0.1", taken.getsockname()[1])

    asyncio.run(main())
