"""What is noted of requests, through a supervisor with two workers: counters, the log of predictions, labels."""

import http.client
import json
import os
import signal
import socket
import struct
import threading
import time
from functools import partial
from zlib import crc32

import grpc
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.serve.tap.query import Wanted, find
from arkwright.sites import local

from .conftest import FLIGHTS, echo_release, late_model, late_signature, write
from .supervised import CODE, Supervised, who_release
from .telemetry.conftest import samples, total

ROW = {"distance": 1200, "carrier": "UA", "delay": 4}
TENSOR = {"name": "f32", "datatype": "FP32", "shape": [1, 2], "data": [1.5, 2.5]}
BINARY = {"name": "f32", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
FLOATS = np.array([[1.5, 2.5]], np.float32)


class Observed(Supervised):
    """With a site, where what was logged is found again."""

    def __init__(self, folder, *args, **how):
        folder.mkdir(exist_ok=True)
        self.site = local(folder / "project")
        super().__init__(folder, *args, **how)

    def ask(self, method, path, body=b"", **headers):
        """(status, headers, bytes)."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            client.request(method, path, body, named)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            client.close()

    def post(self, path, value, **headers):
        return self.ask("POST", path, json.dumps(value).encode(), **{"Content_Type": "application/json"} | headers)

    def metrics(self):
        return samples(self.ask("GET", "/metrics")[2].decode())

    def requests(self, endpoint, found=None):
        """(release, kind, code) -> how many were answered, of those that were."""
        found = found or self.metrics()
        labels = [(dict(key[1:]), value) for key, value in found.items() if key[0] == "arkwright_requests_total"]
        return {(k["release"], k["kind"], k["code"]): n for k, n in labels if k["endpoint"] == endpoint}

    def counted(self, endpoint, expected, before=()):
        """Wait until these are counted beyond those of `before`, and no others: an answer is sent, then counted."""
        before = dict(before)

        def more():
            now = self.requests(endpoint)
            return {key: n - before.get(key, 0) for key, n in now.items() if n != before.get(key, 0)}

        self.until(lambda: sum(more().values()) >= sum(expected.values()))
        assert more() == expected

    def idle(self):
        self.until(lambda: total(self.metrics(), "arkwright_in_flight") == 0)

    def logged(self, endpoint, **wanted):
        folder, out = self.site.predictions / endpoint, self.folder / "found.parquet"
        with self.site.scratch("find") as scratch:
            find(folder, self.site.store, self.site.tables, scratch, Wanted(**wanted), out)
        return pq.read_table(out).to_pylist()

    def found(self, endpoint, id_, rows=1):
        """What is logged of one answer: it is on the disk a second later."""
        self.until(lambda: len(self.logged(endpoint, id=id_)) >= rows)
        found = self.logged(endpoint, id=id_)
        assert len(found) == rows
        return found[0] if rows == 1 else found

    def bytes_on_disk(self, endpoint):
        return b"".join(p.read_bytes() for p in (self.site.predictions / endpoint).rglob("*") if p.is_file())

    def reset(self, path, body):
        """Send a request whole and reset the connection."""
        data = json.dumps(body).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(
                b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(data))
            )
            sock.sendall(data)

    def infer(self, *, raw, metadata=(), endpoint="echo"):
        """(answer, trailing metadata) of a call over gRPC."""
        tensor = service_pb2.ModelInferRequest.InferInputTensor(name="f32", datatype="FP32", shape=[1, 2])
        if not raw:
            tensor.contents.fp32_contents.extend([1.5, 2.5])
        sent = [FLOATS.tobytes()] if raw else []
        asked = service_pb2.ModelInferRequest(model_name=endpoint, inputs=[tensor], raw_input_contents=sent)
        with grpc.insecure_channel(self.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            answer, call = stub.ModelInfer.with_call(asked, metadata=metadata, timeout=60)
            return answer, dict(call.trailing_metadata())


def late(folder, function="polars_features"):
    return write(folder, late_signature(function), late_model(), FLIGHTS)


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


PREDICT, INFER = "/endpoints/late/predict", "/v2/models/echo/infer"
LATE, ECHO = "release:late@3", "release:echo@1"


def binary(server, path=INFER, **headers):
    head = json.dumps({"inputs": [BINARY], "outputs": [{"name": "f32_out", "parameters": {"binary_data": True}}]})
    body = head.encode() + FLOATS.tobytes()
    return server.ask("POST", path, body, **{"Inference_Header_Content_Length": str(len(head))} | headers)


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
    for id_ in neighbours:
        assert served.found("echo", id_)["status"] == 200
    assert served.found("echo", headers["X-Request-Id"])["status"] == 400
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


# servers of their own, which are moved and killed


def noted(folder, **how):
    """A server of one endpoint, `late`; how it is logged, and how it can be."""
    one = late(folder / "late@3")
    made = Observed(folder, {}, **how)
    made.one, made.log_there = [(one, 3, 1.0)], {"folder": made.site.predictions / "late"}
    made.say({"late": made.one}, {"late": made.log_there})
    return made


def test_what_the_sample_leaves_out_is_counted_apart(tmp_path):
    with noted(tmp_path, workers=2) as server:
        server.move({"late": server.one}, {"late": server.log_there | {"sample": 0.5}})
        ids = [f"sampled/{n}" for n in range(40)]
        for id_ in ids:
            assert server.post(PREDICT, ROW, X_Request_Id=id_)[0] == 200
        kept = sum(crc32(id_.encode()) < 2**31 for id_ in ids)
        assert 0 < kept < 40
        server.until(lambda: total(server.metrics(), "arkwright_tap_records_total") >= kept)
        assert {row["id"] for row in server.logged("late")} == {id_ for id_ in ids if crc32(id_.encode()) < 2**31}
        found = server.metrics()
        assert total(found, "arkwright_tap_records_total", endpoint="late", release=LATE) == kept
        assert total(found, "arkwright_tap_left_out_total", endpoint="late", release=LATE) == 40 - kept
        assert total(found, "arkwright_tap_dropped_total") == 0


def test_what_the_disk_loses_is_counted_as_lost(tmp_path):
    with noted(tmp_path, workers=1) as server:
        (tmp_path / "no folder").touch()
        server.move({"late": server.one}, {"late": {"folder": tmp_path / "no folder"}})
        for _ in range(3):
            assert server.post(PREDICT, ROW)[0] == 200
        server.until(lambda: total(server.metrics(), "arkwright_tap_dropped_total", release=LATE) == 3)
        assert total(server.metrics(), "arkwright_tap_records_total") == 0


def test_restarts_are_told_by_their_cause(tmp_path):
    with noted(tmp_path, workers=2) as server:

        def restarts():
            now = server.metrics()
            return [total(now, "arkwright_worker_restarts_total", cause=cause) for cause in ("died", "replaced")]

        assert restarts() == [0, 0]
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 2 and not set(before) & set(server.workers()))
        server.until(lambda: restarts() == [0, 2])
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        server.until(lambda: victim not in server.workers() and len(server.workers()) == 2)
        server.until(lambda: restarts() == [1, 2])


def test_labels_that_were_acknowledged_are_kept(tmp_path):
    with noted(tmp_path, workers=2) as server:
        ids = [server.post(PREDICT, ROW)[1]["X-Request-Id"] for _ in range(6)]
        for id_ in ids:
            server.found("late", id_)
        answers = [server.post("/endpoints/late/labels", {"id": id_, "label": True}) for id_ in ids[:3]]
        answers.append(server.post("/endpoints/late/labels", [{"id": id_, "label": False} for id_ in ids[3:]]))
        victims = [server.process.pid, *server.workers()]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        server.process.wait(60)
        assert [(status, json.loads(body)) for status, _, body in answers] == [
            (200, {"labels": n}) for n in (1, 1, 1, 3)
        ]
        found = {row["id"]: row["actual"] for row in server.logged("late")}
        assert found == dict.fromkeys(ids[:3], True) | dict.fromkeys(ids[3:], False)
        assert server.logged("late", id=ids[0])[0]["label"] in (True, False)


def test_the_log_follows_what_is_said(tmp_path):
    """Redacted columns are never on the disk; another folder gets the labels too; no log ends it."""
    secret = ROW | {"distance": 987654.25}
    with noted(tmp_path, workers=1) as server:
        server.found("late", server.post(PREDICT, ROW)[1]["X-Request-Id"])
        server.move({"late": server.one}, {"late": server.log_there | {"redact": ["distance"]}})
        id_ = server.post(PREDICT, secret)[1]["X-Request-Id"]
        refused = server.post(PREDICT, secret | {"distance": "987654.25"})[1]["X-Request-Id"]
        row = server.found("late", id_)
        assert (row.get("distance"), row["carrier"]) == (None, "UA")
        assert server.found("late", refused)["status"] == 422
        assert b"987654" not in server.bytes_on_disk("late")
        server.move({"late": server.one}, {"late": {"folder": server.site.predictions / "other"}})
        id_ = server.post(PREDICT, ROW)[1]["X-Request-Id"]
        assert server.post("/endpoints/late/labels", {"id": id_, "label": True})[0] == 200
        assert server.found("other", id_)["actual"] is True
        server.move({"late": server.one})
        assert server.post(PREDICT, ROW)[1]["X-Request-Id"] is None
        assert server.post("/endpoints/late/labels", {"id": id_, "label": True})[0] == 409
        server.move({"late": server.one}, {"late": server.log_there})
        id_ = server.post(PREDICT, ROW)[1]["X-Request-Id"]
        assert server.found("late", id_)["status"] == 200


def test_what_is_computed_while_the_log_changes_is_logged(tmp_path):
    who = [(who_release(tmp_path / "who"), 1, 1.0)]
    two = [(who_release(tmp_path / "two"), 2, 1.0)]
    server = Observed(tmp_path, {})
    there, other = ({"folder": server.site.predictions / name} for name in ("who", "other"))
    server.say({"who": who}, {"who": there})

    def more(before):
        return len(server.logged("who")) + len(server.logged("other")) == before + 1

    with server:
        for releases, log in ((who, other), (two, there)):
            before = len(server.logged("who")) + len(server.logged("other"))
            asking = threading.Thread(target=server.call, args=("/predict", {"distance": 1.0}))
            asking.start()
            server.until(lambda: total(server.metrics(), "arkwright_in_flight", endpoint="who") == 1)
            server.move({"who": releases}, {"who": log})
            asking.join(60)
            server.until(partial(more, before))


def test_shadows_get_copies_and_answer_nobody(tmp_path):
    echo = echo_release(tmp_path / "echo", ["f32"])
    folders = {"late": late(tmp_path / "late"), "echo": echo}
    server = Observed(tmp_path, {}, workers=2, grpc_port=0, access_log=str(tmp_path / "access"))
    logs = {name: {"folder": server.site.predictions / name} for name in folders}
    server.say({name: [(at, 2, 0.0, True), (at, 1, 1.0)] for name, at in folders.items()}, logs)
    with server:

        def mirrored():
            """Both workers' connections to the shadows are there: each drops what comes before."""
            before = total(server.metrics(), "arkwright_shadow_dropped_total")
            for _ in range(10):
                server.post(PREDICT, ROW)
            return total(server.metrics(), "arkwright_shadow_dropped_total") == before

        server.until(mirrored)
        before = total(server.metrics(), "arkwright_shadow_runs_total")
        asked = {"late": [server.post(PREDICT, ROW)], "echo": []}
        asked["echo"] += [server.post(INFER, {"inputs": [TENSOR]}), binary(server)]
        asked["echo"].append(server.post("/v2/models/echo/versions/1/infer", {"inputs": [TENSOR]}))
        for status, headers, _ in [*asked["late"], *asked["echo"]]:
            assert (status, headers["Arkwright-Release"][-2:]) == (200, "@1")
        ids = {name: [headers["X-Request-Id"] for _, headers, _ in answers] for name, answers in asked.items()}
        for raw in (True, False):
            answer, metadata = server.infer(raw=raw)
            assert answer.model_version == "1"
            ids["echo"].append(metadata["x-request-id"])
        assert total(server.metrics(), "arkwright_shadow_runs_total") - before == 6
        assert total(server.metrics(), "arkwright_shadow_runs_total", release="release:echo@2") == 0
        shadows = {"release": "release:echo@2", "code": "200"}
        server.until(lambda: total(server.metrics(), "arkwright_shadow_answers_total", **shadows) == 5)
        found = server.metrics()
        assert total(found, "arkwright_shadow_seconds_count", release="release:echo@2") == 5
        assert {release for release, _, _ in server.requests("echo", found)} == {"release:echo@1"}
        assert total(found, "arkwright_request_seconds_count", release="release:echo@2") == 0
        assert total(found, "arkwright_requests_total", endpoint="echo") == 5
        for name, id_ in [("late", ids["late"][0]), *(("echo", id_) for id_ in ids["echo"])]:
            both = server.found(name, id_, rows=2)
            told = {(row["shadow"], row["release"], row["status"]) for row in both}
            assert told == {(False, f"release:{name}@1", 200), (True, f"release:{name}@2", 200)}
            assert both[0]["outputs"] == both[1]["outputs"]
        shadow = server.workers()[-1]
        os.kill(shadow, signal.SIGSTOP)  # it takes nothing any more, not even what fits between the two
        began = time.monotonic()
        assert {server.post(PREDICT, [ROW] * 5_000)[0] for _ in range(8)} == {200}
        assert time.monotonic() - began < 20  # of the 60 after which it would be ended
        os.kill(shadow, signal.SIGKILL)
        assert {server.post(PREDICT, ROW)[0] for _ in range(20)} == {200}
        server.until(lambda: shadow not in server.workers() and len(server.workers()) == 3)
        server.until(mirrored)
        server.idle()
    paths = [json.loads(line)["release"] for line in (tmp_path / "access").read_text().splitlines()]
    assert not [release for release in paths if release.endswith("@2")]
