"""What is counted and logged of calls: also of those that no release was picked for, and of a stream's messages."""

import contextlib
import http.client
import json
import time

import grpc
import pytest
from tests.serve.telemetry.conftest import samples, total
from tests.serve.telemetry.test_traces import CALLER, TRACE, Receiver
from tritonclient.grpc import service_pb2

from .conftest import LONG, Serving, rows
from .test_calls import busy

INFER, STREAM = "/inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ModelStreamInfer"


class Counted(Serving):
    def __init__(self, folder, folders, **limits):
        self.observed = folder
        super().__init__({"f32": folders["f32"]}, observed=folder, **limits)

    def metrics(self):
        client = http.client.HTTPConnection("127.0.0.1", self.rest, timeout=LONG)
        with contextlib.closing(client):
            client.request("GET", "/metrics")
            return samples(client.getresponse().read().decode())


@pytest.fixture
def served(folders, tmp_path):
    with Counted(tmp_path, folders) as serving:
        yield serving


def refused(stub, request, **how):
    with pytest.raises(grpc.RpcError) as error:
        stub.ModelInfer(request, timeout=LONG, **how)
    return error.value.code()


def test_calls_that_no_release_was_picked_for(served):
    with served.stub() as stub, served.channel() as channel:
        with pytest.raises(grpc.RpcError) as error:
            stub.ModelInfer(rows(1, model="f33"), metadata=[("x-request-id", "mine")], timeout=LONG)
        assert error.value.code() is grpc.StatusCode.NOT_FOUND
        assert dict(error.value.trailing_metadata())["x-request-id"] == "mine"
        assert refused(stub, rows(1, model_version="9")) is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.RpcError):
            channel.unary_unary(INFER)(b"\xff\xff", timeout=LONG)
        stub.ModelInfer(rows(1), timeout=LONG)
        stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=LONG)
    found = lines(served, 5)
    assert [(path, status, release) for path, status, release in found] == [
        (INFER, 404, ""), (INFER, 404, ""), (INFER, 400, ""), (INFER, 200, "release:f32@3"),
        ("/inference.GRPCInferenceService/ServerLive", 200, ""),
    ]  # fmt: skip
    codes = counts(served)
    assert codes["(none)", "other", "404"] == 2
    assert codes["(none)", "other", "400"] == 1
    assert codes["f32", "grpc", "200"] == 1
    assert total(served.metrics(), "arkwright_in_flight") == 0


def test_a_callers_trace_goes_on(folders, tmp_path, monkeypatch):
    receiver = Receiver()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    with contextlib.closing(receiver), Counted(tmp_path, folders) as served, served.stub() as stub:
        stub.ModelInfer(rows(1), metadata=[("traceparent", f"00-{TRACE}-{CALLER}-01")], timeout=LONG)
        spans = receiver.spans(5)
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (call,) = [span for span in spans if span.parent_span_id.hex() == CALLER]
    children = [span.name for span in spans if span.parent_span_id == call.span_id]
    assert sorted(children) == ["compute", "decode", "encode", "queue"]


def test_callers_who_used_up_their_quota(folders, tmp_path):
    with Counted(tmp_path, folders, rate=0.01) as served, served.stub() as stub:
        stub.ModelInfer(rows(1), timeout=LONG)
        assert refused(stub, rows(1)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused(stub, rows(1, model="f33")) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert [status for _, status, _ in lines(served, 3)] == [200, 429, 429]
        assert counts(served)["(none)", "other", "429"] == 2
        found = served.metrics()
        assert total(found, "arkwright_rate_limited_total", endpoint="f32") == 1
        assert total(found, "arkwright_rate_limited_total", endpoint="(none)") == 1


def test_what_is_refused_before_it_is_looked_at(folders, tmp_path):
    """Calls that there are none of, messages and metadata that are too large, calls beyond the limit."""
    with (
        Counted(tmp_path, folders, body=10_000, connections=2) as served,
        served.stub() as stub,
        served.channel() as channel,
    ):
        with pytest.raises(grpc.RpcError, match='did you mean "/inference') as error:
            channel.unary_unary(INFER + "s")(b"", timeout=LONG)
        assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert refused(stub, rows(13_000)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        large = [("a", "v" * 2000)] * 9
        assert refused(stub, rows(1), metadata=large) is grpc.StatusCode.RESOURCE_EXHAUSTED
        watches = [channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=LONG) for _ in range(2)]
        for watch in watches:
            next(watch)
        assert refused(stub, rows(1)) is grpc.StatusCode.UNAVAILABLE
        for watch in watches:
            watch.cancel()
        found = lines(served, 6)
    assert [(path, status) for path, status, _ in found] == [
        (INFER + "s", 501), (INFER, 413), (INFER, 431), (INFER, 503),
        *[("/grpc.health.v1.Health/Watch", 499)] * 2,
    ]  # fmt: skip


def test_calls_that_end_before_their_answer(served):
    with served.stub() as stub, busy(served):
        late = stub.ModelInfer.future(rows(310), timeout=0.3)
        left = stub.ModelInfer.future(rows(320), timeout=LONG)
        served.wait("added", 320)
        assert late.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        left.cancel()
        served.wait("gone", 320)
    assert sorted(status for _, status, _ in lines(served, 3)) == [200, 499, 504]
    codes = counts(served)
    assert {code: codes["f32", "grpc", code] for code in ("200", "499", "504")} == {"200": 1, "499": 1, "504": 1}


def test_calls_that_take_too_long(folders, tmp_path):
    with Counted(tmp_path, folders, answer_time=1.0) as served, served.stub() as stub:
        held = stub.ModelInfer.future(rows(400), timeout=LONG)
        served.wait("held")
        assert held.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        served.go()
        assert [status for _, status, _ in lines(served, 1)] == [504]
        assert counts(served)["f32", "grpc", "504"] == 1


def test_every_message_of_a_stream_has_an_id_of_its_own(served):
    sent = [rows(1), rows(1, model="f33"), rows(1, first=0, id="7"), rows(1, model_version="9")]
    with served.stub() as stub:
        said = list(stub.ModelStreamInfer(iter(sent), metadata=[("x-request-id", "mine")], timeout=LONG))
        nameless = list(stub.ModelStreamInfer(iter(sent[:2]), timeout=LONG))
    assert [bool(one.error_message) for one in said] == [False, True, False, True]
    ids = [one.infer_response.parameters["x-request-id"].string_param for one in said]
    assert ids == ["mine-1", "mine-2", "mine-3", "mine-4"]
    assert [one.infer_response.id for one in said] == ["", "", "7", ""]
    assert said[0].infer_response.parameters["release"].string_param == "release:f32@3"
    assert not any("x-request-id" in one.infer_response.parameters for one in nameless)
    found = lines(served, 6)
    assert [(path, status) for path, status, _ in found] == [(STREAM, code) for code in (200, 404, 200, 404, 200, 404)]
    log = [json.loads(line) for line in (served.observed / "access").read_text().splitlines()]
    named = [one["request_id"] for one in log if one["path"] == STREAM]
    assert named == [*ids, "", ""]


def lines(served, count):
    """(path, status, release) of so many calls in the access log, which is written once a second."""
    end = time.monotonic() + LONG
    while True:
        log = served.observed / "access"
        said = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        found = [(one["path"], one["status"], one["release"]) for one in said if one["path"] != "/metrics"]
        if len(found) >= count:
            assert len(found) == count
            return found
        assert time.monotonic() < end, found
        time.sleep(0.01)


def counts(served):
    labels = [(dict(key[1:]), n) for key, n in served.metrics().items() if key[0] == "arkwright_requests_total"]
    return {(k["endpoint"], k["kind"], k["code"]): n for k, n in labels}
