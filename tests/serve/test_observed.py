"""What is noted of requests, through a supervisor with two workers: counters, the log of predictions, labels."""

import json
import os
import signal
import socket

import grpc
import pyarrow as pa
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.sites import local

from .conftest import echo_release
from .observed import INFER, PREDICT, ROW, TENSOR, Observed, binary, late
from .supervised import CODE, who_release
from .telemetry.conftest import total

LATE, ECHO = "release:late@3", "release:echo@1"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("observed")
    late3, echo = late(folder / "late@3"), echo_release(folder / "echo", ["f32"])
    releases = {
        "late": [(late3, 3, 1.0)],
        "echo": [(echo, 1, 1.0)],
        "bare": [(echo, 1, 1.0)],
        "failing": [(late(folder / "failing", "failing_features"), 1, 1.0)],
        "who": [(who_release(folder / "who", CODE), 1, 1.0)],
    }
    predictions = local(folder / "project").predictions
    logs = {name: {"folder": predictions / name} for name in ("late", "echo", "failing", "who")}
    with Observed(folder, releases, logs, workers=2, grpc_port=0) as server:
        server.releases, server.logs = releases, logs
        yield server


def test_every_worker_speaks_for_all(served):
    before = {name: served.requests(name) for name in ("late", "echo", "(none)")}
    batches = total(served.metrics(), "arkwright_batch_rows_sum", endpoint="late")
    for _ in range(6):
        assert served.post(PREDICT, [ROW, ROW])[0] == 200
        assert served.post(PREDICT, ROW | {"carrier": "XX"})[0] == 422
        assert served.post(INFER, {"inputs": [TENSOR]})[0] == 200
        assert binary(served)[0] == 200
        assert served.post("/endpoints/lat/predict", ROW)[0] == 404
        assert served.post(PREDICT, ROW, Content_Type="text/plain")[0] == 415
        assert served.ask("GET", "/v2/models/late")[0] == 200
    served.counted("late", {(LATE, "predict", "200"): 6, (LATE, "predict", "422"): 6}, before["late"])
    served.counted("echo", {(ECHO, "infer", "200"): 12}, before["echo"])
    now = served.requests("(none)")
    assert now["", "other", "404"] - before["(none)"].get(("", "other", "404"), 0) == 6
    assert now["", "other", "415"] - before["(none)"].get(("", "other", "415"), 0) == 6
    assert total(served.metrics(), "arkwright_batch_rows_sum", endpoint="late") - batches == 12
    served.idle()
    seen = {int(served.post("/endpoints/who/predict", {"distance": 100})[2].split(b'"value":')[1].split(b".")[0])}
    assert seen <= set(served.workers())


def test_metrics_are_asked_for_as_everything_else_is(served):
    assert [served.ask(method, "/metrics")[0] for method in ("GET", "HEAD", "OPTIONS", "POST", "DELETE")] == [
        200, 200, 200, 405, 405,
    ]  # fmt: skip
    assert served.ask("POST", "/metrics")[1]["Allow"] == served.ask("OPTIONS", "/metrics")[1]["Allow"]
    assert served.ask("HEAD", "/metrics")[2] == b""
    described = json.loads(served.ask("GET", "/openapi.json")[2])["paths"]
    assert {"/metrics", "/endpoints/late/labels"} <= described.keys()
    assert "/v2/repository/index" not in described


def test_calls_over_grpc_are_counted(served):
    before = served.requests("echo")
    served.infer(raw=True)
    served.infer(raw=False)
    served.counted("echo", {(ECHO, "grpc", "200"): 2}, before)
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="f3", datatype="FP32", shape=[1, 2])
    with grpc.insecure_channel(served.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError):
            stub.ModelInfer(service_pb2.ModelInferRequest(model_name="echo", inputs=[tensor]), timeout=60)
    served.counted("echo", {(ECHO, "grpc", "200"): 2, (ECHO, "grpc", "400"): 1}, before)
    served.idle()


def test_nothing_stays_in_flight(served):
    """Neither a failure nor a client that leaves while it waits or while it is computed."""
    before, failed = served.requests("who"), served.requests("failing")
    for _ in range(6):
        served.reset("/endpoints/who/predict", {"distance": 0.1})
    for _ in range(3):
        assert served.post("/endpoints/failing/predict", ROW)[0] == 500
    served.until(lambda: sum(served.requests("who").values()) - sum(before.values()) == 6)
    served.counted("failing", {("release:failing@1", "predict", "500"): 3}, failed)
    served.idle()
    assert {code for _, _, code in served.requests("who")} <= {"200", "499"}


def test_how_long_the_last_batch_has_waited_is_told(served):
    assert served.post("/endpoints/who/predict", {"distance": 0.1})[0] == 200
    assert 0 < total(served.metrics(), "arkwright_queue_age_seconds", endpoint="who") < 60


def test_a_killed_worker_has_counted(served):
    for _ in range(8):
        served.post(PREDICT, ROW)
    served.idle()
    before = served.requests("late")
    victim = served.workers()[0]
    os.kill(victim, signal.SIGKILL)
    served.until(lambda: victim not in served.workers() and len(served.workers()) == 2)
    served.until(lambda: total(served.metrics(), "arkwright_worker_up") == 2)
    assert served.requests("late") == before


def test_every_answer_is_found_again(served):
    status, headers, body = served.post(PREDICT, [ROW, ROW | {"delay": None}])
    first, second = served.found("late", headers["X-Request-Id"], rows=2)
    said = json.loads(body)["predictions"]
    assert [first["label"], second["label"]] == [one["label"] for one in said]
    assert (first["distance"], first["delay"], second["delay"], first["row"], second["row"]) == (1200, 4, None, 0, 1)
    assert (first["status"], first["release"], first["shadow"], first["kind"]) == (200, LATE, False, "predict")
    status, headers, body = served.post(PREDICT, ROW | {"carrier": "XX"})
    refused = served.found("late", headers["X-Request-Id"])
    assert (status, refused["status"], refused["error"]) == (422, 422, json.loads(body)["error"])
    _, headers, body = served.post("/endpoints/failing/predict", ROW)
    assert served.found("failing", headers["X-Request-Id"])["error"] == json.loads(body)["error"]


def test_a_callers_own_id_is_kept(served):
    for path, value in ((PREDICT, ROW), (INFER, {"inputs": [TENSOR]})):
        own = f"mine/{path[1]}.{os.getpid()}"
        assert served.post(path, value, X_Request_Id=own)[1].get_all("X-Request-Id") == [own]
        assert served.found("late" if value is ROW else "echo", own)["status"] == 200


def test_an_answer_in_arrow_is_found_again(served):
    table = pa.table({"distance": [1200.0, 1.0], "carrier": ["UA", "AA"], "delay": [4.0, None]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    kind = "application/vnd.apache.arrow.stream"
    status, headers, _ = served.ask("POST", PREDICT, sink.getvalue().to_pybytes(), Content_Type=kind)
    assert status == 200
    first, second = served.found("late", headers["X-Request-Id"], rows=2)
    assert (type(first["label"]), type(second["label"])) == (bool, bool)
    assert [(one["distance"], one["carrier"], one["delay"]) for one in (first, second)] == [
        (1200, "UA", 4), (1, "AA", None),
    ]  # fmt: skip
    status, headers, answer = served.post(PREDICT, [ROW], Accept=kind)
    (told,) = pa.ipc.open_stream(answer).read_all().to_pylist()
    found = served.found("late", headers["X-Request-Id"])
    assert (found["distance"], found["label"]) == (1200, told["label"])
    assert found["probability_true"] == told["probabilities"]["true"]


HOSTILE = {
    "long": b"a" * 1000, "one too many": b"a" * 129, "a tab": b"a\tb", "a space": b"a b", "no ASCII": b"\xe9\xff",
    "empty": b"", "twice": b"a\r\nX-Request-Id: b",
}  # fmt: skip


@pytest.mark.parametrize("id_", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_id_is_replaced(served, id_):
    body = json.dumps(ROW).encode()
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as sock:
        head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Request-Id: %b\r\n"
        head += b"Content-Length: %d\r\n\r\n"
        sock.sendall(head % (PREDICT.encode(), id_, len(body)) + body)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    lines = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"x-request-id:")]
    assert len(lines) == 1
    made = lines[0].partition(b": ")[2].decode()
    assert made.encode() != id_
    assert 10 < len(made) < 40


def test_tensors_are_logged_as_json(served):
    _, headers, _ = binary(served)
    ids = [headers["X-Request-Id"], served.post(INFER, {"inputs": [TENSOR]})[1]["X-Request-Id"]]
    ids += [served.infer(raw=raw)[1]["x-request-id"] for raw in (True, False)]
    for id_ in ids:
        found = served.found("echo", id_)
        assert (found["kind"], found["status"], found["release"]) == ("infer", 200, ECHO)
        assert json.loads(found["inputs"]) == [TENSOR]
        assert json.loads(found["outputs"]) == [TENSOR | {"name": "f32_out"}]
    assert served.infer(raw=True, metadata=[("x-request-id", "mine-over-grpc")])[1]["x-request-id"] == "mine-over-grpc"
    assert served.found("echo", "mine-over-grpc")["status"] == 200


@pytest.mark.parametrize("size", ["9" * 30, "9" * 5000, "99", "-1", "much"])
def test_a_wrong_size_of_the_json_costs_no_other_record(served, size):
    """A number that the log cannot write would take with it whatever is written together with it."""
    before = served.requests("echo")
    neighbours = [served.post(INFER, {"inputs": [TENSOR]})[1]["X-Request-Id"] for _ in range(4)]
    status, headers, _ = binary(served, Inference_Header_Content_Length=size)
    neighbours += [served.post(INFER, {"inputs": [TENSOR]})[1]["X-Request-Id"] for _ in range(4)]
    assert status == 400
    assert served.found("echo", headers["X-Request-Id"])["status"] == 400
    found = {}

    def all_there():
        found.update({row["id"]: row["status"] for row in served.logged("echo")})
        return found.keys() >= {*neighbours}

    served.until(all_there, every=0.2)
    assert {found[id_] for id_ in neighbours} == {200}
    served.counted("echo", {(ECHO, "infer", "200"): 8, (ECHO, "infer", "400"): 1}, before)
    assert served.said("the tap failed") == 0


def test_the_size_of_the_json_over_grpc_is_nobodys_business(served):
    metadata = [("inference-header-content-length", "7"), ("x-request-id", "with-a-size")]
    served.infer(raw=True, metadata=metadata)
    assert json.loads(served.found("echo", "with-a-size")["inputs"]) == [TENSOR]


def test_without_a_log_there_is_no_file_and_no_id(served):
    answers = [served.post("/v2/models/bare/infer", {"inputs": [TENSOR]}), binary(served, "/v2/models/bare/infer")]
    assert [(status, headers["X-Request-Id"]) for status, headers, _ in answers] == [(200, None)] * 2
    assert "x-request-id" not in served.infer(raw=True, endpoint="bare")[1]
    id_ = served.post(INFER, {"inputs": [TENSOR]})[1]["X-Request-Id"]
    served.found("echo", id_)  # what came before is written by now, if it is at all
    assert not (served.site.predictions / "bare").exists()
    status, _, body = served.post("/endpoints/bare/labels", {"id": "a", "label": 1.0})
    assert (status, "not logged" in json.loads(body)["error"]) == (409, True)


WRONG = {
    "no JSON": (b"{", 400, "not JSON"),
    "another type": (b'{"id": "a", "label": "yes"}', 422, "$.label: expected bool, got str"),
    "in a list": (b'[{"id": "a", "label": true}, {"id": "", "label": true}]', 422, "$[1].id"),
    "misspelt": (b'{"id": "a", "lable": true}', 422, "unknown field 'lable'"),
}


@pytest.mark.parametrize(("body", "status", "words"), WRONG.values(), ids=WRONG)
def test_a_label_that_is_none_is_refused(served, body, status, words):
    got, _, said = served.ask("POST", "/endpoints/late/labels", body)
    assert got == status
    assert words in json.loads(said)["error"]
    assert served.post("/endpoints/lat/labels", {"id": "a", "label": True})[0] == 404


def test_many_labels_are_read_aside(served):
    """Twenty thousand of them; wrong ones are told with their place, and no log is no log."""
    many = [{"id": f"nobody-{i}", "label": True} for i in range(20_000)]
    status, _, body = served.post("/endpoints/late/labels", many)
    assert (status, json.loads(body)) == (200, {"labels": 20_000})
    status, _, body = served.post("/endpoints/late/labels", [*many, {"id": "a", "label": "yes"}])
    assert (status, "$[20000].label" in json.loads(body)["error"]) == (422, True)
    assert served.post("/endpoints/bare/labels", many)[0] == 409
