"""`arkwright serve` as people start it: what it notes is found by the other words, and nothing is left behind."""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import onnx
import pytest
from tests.serve.supervised import workers
from tests.serve.telemetry.test_traces import CALLER, TRACE, Receiver

from arkwright.api.endpoints.logged import label, predictions
from arkwright.api.endpoints.rollout import promote
from arkwright.cli.main import main
from arkwright.serve.telemetry import minutes

from .test_rollout import ONE, ROW, TWO, ask, served, until


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def post(address, path, value, **headers):
    """The headers and the body of a good answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    request = urllib.request.Request(address + path, json.dumps(value).encode(), named)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.headers, json.load(response)


def compacting(at):
    """The processes that compact this site."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"arkwright.work.compacting" in words and str(at.site.folder).encode() in words:
                found.append(int(entry.name))
    return found


def test_a_server_begins_with_little_and_says_at_once_where_it_answers(first, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    words = ["arkwright.cli.main", "serve", "--port", "0", "--drain-delay", "0", "--project", str(first.folder)]
    with (first.folder / "log").open("w+") as log:
        command = [sys.executable, "-X", "importtime", "-m", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as server:
            try:
                assert select.select([server.stdout], [], [], 60)[0]
                said = server.stdout.readline().decode()
            finally:
                server.terminate()
        log.seek(0)
        times = [line for line in log if line.startswith("import time:")]
    assert re.fullmatch(r"✓ answers at http://127\.0\.0\.1:\d+  \(Ctrl-C stops it\)\n", said)
    found = {line.rpartition("|")[2].strip() for line in times}
    assert {"asyncio", "cryptography.exceptions", "arkwright.serve.processes.control"} <= found
    heavy = {"numpy", "onnxruntime", "polars", "pandas", "pyarrow", "duckdb", "model_signing", "pydantic", "google"}
    assert not found & (heavy | {"rich", "email", "importlib.metadata", "uvloop", "sqlalchemy"})


def test_predictions_are_logged_unless_it_says_otherwise(second, capsys):
    project = ["--project", str(second.folder), "--by", "ana"]
    with served(second) as (address, _):
        headers, answer = post(address, "/predict", [ROW, ROW | {"spent": 1.5}])
        id_ = headers["X-Request-Id"]
        until(lambda: second.do(predictions, endpoint="buys", id=id_).num_rows == 2)
        assert main(["label", "buys", "--id", id_, "--row", "1", "--label", "0", *project]) == 0
        assert capsys.readouterr().out == "✓ 1 label kept\n"
        assert post(address, "/endpoints/buys/labels", {"id": id_, "label": 1})[1] == {"labels": 1}
        assert main(["predictions", "buys", "--id", id_, "--json", *project]) == 0
        found = json.loads(capsys.readouterr().out)
        assert [row["label"] for row in found] == [one["label"] for one in answer["predictions"]]
        assert [(row["row"], row["actual"], row["release"]) for row in found] == [(0, 1, ONE), (1, 0, ONE)]
        second.shop.edit(
            "arkwright.toml", 'gate  = "production"\n', 'gate  = "production"\nlog = { redact = ["age"] }\n'
        )
        second.do(promote, release="buys@2", share=0.5)
        until(lambda: ask(address, Arkwright_Release="2") == (200, TWO))
        headers, _ = post(address, "/predict", ROW | {"age": 77}, Arkwright_Release="2")
        until(lambda: second.do(predictions, endpoint="buys", id=headers["X-Request-Id"]).num_rows == 1)
        (row,) = second.do(predictions, endpoint="buys", id=headers["X-Request-Id"]).to_pylist()
        assert (row["release"], row["country"], row.get("age")) == (TWO, "DE", None)
        assert second.do(label, endpoint="buys", labels=[{"id": headers["X-Request-Id"], "label": 1}]).unknown == 0
    kept = list(minutes.read(second.site.predictions / "buys", ONE, 0, time.time()))
    assert (sum(one.codes["200"] for one in kept if one.codes), sum(one.rows for one in kept)) == (1, 2)


def test_each_request_has_a_line_and_a_span(first, receiver):
    log = first.folder / "access.log"
    context = f"00-{TRACE}-{CALLER}-01"
    with served(first, "--workers", "2", "--access-log", str(log), "--otlp", receiver.url) as (address, _):
        headers, _ = post(address, "/predict", ROW, traceparent=context)
        with urllib.request.urlopen(address + "/v2", timeout=60):
            pass
        assert ask(address, "/endpoints/bys/predict")[0] == 404
        spans = receiver.spans(7)
    lines = {line["path"]: line for line in map(json.loads, log.read_text().splitlines())}
    assert {path: line["status"] for path, line in lines.items()} == {
        "/predict": 200, "/v2": 200, "/endpoints/bys/predict": 404,
    }  # fmt: skip
    mine = lines["/predict"]
    assert (mine["trace_id"], mine["request_id"], mine["release"]) == (TRACE, headers["X-Request-Id"], ONE)
    of_caller = [span for span in spans if span.trace_id.hex() == TRACE]
    (parent,) = [span for span in of_caller if span.parent_span_id.hex() == CALLER]
    children = {span.name: span for span in of_caller if span.parent_span_id == parent.span_id}
    assert sorted(children) == ["compute", "decode", "encode", "queue"]
    ends = [children[name].end_time_unix_nano for name in ("decode", "queue", "compute", "encode")]
    assert ends == sorted(ends)


def test_one_process_compacts_and_ends_with_the_server(first):
    with served(first, "--grpc-port", "0") as (_, server):
        assert server.stdout.readline() == "{\n"  # the address of gRPC is told too, and begins nothing again
        assert "grpc://" in server.stdout.readline()
        until(lambda: compacting(first))
        assert len(compacting(first)) == 1
    assert compacting(first) == []


@pytest.mark.parametrize("at_once", [True, False])
def test_nobody_is_left_behind_by_a_server_that_is_killed(first, at_once):
    """Neither while the process that compacts begins nor when it is at work."""
    with pytest.raises(AssertionError), served(first) as (_, server):  # noqa: PT012 - it does not end well
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children")
        until(lambda: compacting(first))
        if not at_once:
            (process,) = compacting(first)
            until(lambda: b"\0" in Path(f"/proc/{process}/cmdline").read_bytes() and niced(process))
        left = [int(pid) for pid in children.read_text().split()]
        os.kill(server.pid, signal.SIGKILL)
        server.wait(60)
        raise AssertionError
    end = time.monotonic() + 60
    while any(alive(pid) for pid in left):
        assert time.monotonic() < end, left
        time.sleep(0.02)


def stat(pid):
    """What the kernel says of a process, behind its name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def works(server):
    """The worker of a server that has one."""
    (worker,) = workers(server.pid)
    return worker


def test_what_was_changed_behind_the_servers_back_is_never_loaded(first):
    """Neither by a worker that takes another's place on purpose nor by one that follows a dead one."""
    with served(first) as (address, server):
        (laid_out,) = (first.site.folder / "tmp").rglob("release/model.onnx")
        graph = onnx.load(laid_out)
        graph.producer_name = "somebody else"  # another valid model
        laid_out.unlink()
        laid_out.write_bytes(graph.SerializeToString())
        old, log = works(server), first.folder / "log"
        server.send_signal(signal.SIGHUP)
        until(lambda: "the workers are not replaced" in log.read_text())
        assert "model.onnx was changed" in log.read_text()
        assert ask(address) == (200, ONE)
        until(lambda: workers(server.pid) == [old])
        os.kill(old, signal.SIGKILL)
        until(lambda: workers(server.pid) not in ([], [old]))
        assert ask(address) == (503, '{"error":"buys is not loaded here; the server\'s log says why"}')
        with pytest.raises(urllib.error.HTTPError, match="503") as error:
            urllib.request.urlopen(address + "/v2/health/ready", timeout=60)
        error.value.close()


def niced(pid):
    """It is behind its beginnings: it gives way to the server."""
    return stat(pid)[16] != "0"


def alive(pid):
    try:
        return stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--access-log", "nowhere/log"),
            "error: the access log nowhere/log cannot be written: No such file or directory; name another file, or -",
        ),
        (("--otlp", "nonsense"), "error: 'nonsense' is no collector's address; it looks like http://127.0.0.1:4318"),
        (
            ("--otlp", "http://[::1"),
            "error: 'http://[::1' is no collector's address; it looks like http://127.0.0.1:4318",
        ),
        (
            ("--otlp", "http://h:99999"),
            "error: 'http://h:99999' is no collector's address; it looks like http://127.0.0.1:4318",
        ),
        (("--queue", "0"), "error: a queue of 0 requests cannot be; take 1 to 65536"),
        (("--queue-time", "nan"), "error: nobody can wait for nan s; take 0.01 s to a day"),
        (("--queue-time", "1e-9"), "error: nobody can wait for 1e-09 s; take 0.01 s to a day"),
        (("--answer-time", "0.001"), "error: no model answers in 0.001 s; take 1 s to a day"),
        (("--load-time", "0.5"), "error: no release loads in 0.5 s; take 1 s to a day"),
        (("--rate", "1e-9"), "error: a rate of 1e-09 requests a second is none; take 0.001 to 1,000,000"),
        (("--rate", "inf"), "error: a rate of inf requests a second is none; take 0.001 to 1,000,000"),
        (("--drain-delay", "nan"), "error: a server cannot go on accepting for nan s; take 0 to an hour of them"),
        (("--drain-delay", "-1"), "error: a server cannot go on accepting for -1 s; take 0 to an hour of them"),
    ],
    ids=str,
)
def test_what_no_worker_could_live_with_is_said_in_one_line(first, capfd, option, said):
    assert main(["serve", "--port", "0", "--project", str(first.folder), *option]) == 2
    assert capfd.readouterr() == ("", said + "\n")


def test_a_server_goes_on_where_nobody_reads_its_words(first):
    reading, writing = os.pipe()
    os.close(reading)
    words = ["serve", "--port", "0", "--drain-delay", "0", "--project", str(first.folder), "--debug"]
    command = [sys.executable, "-m", "arkwright.cli.main", *words]
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE) as server:
        os.close(writing)
        try:
            until(lambda: compacting(first) or server.poll() is not None)  # begun behind the word
            assert server.poll() is None
        finally:
            server.terminate()
    assert server.returncode == 0
