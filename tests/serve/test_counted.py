"""What is counted of a request is what its caller got, however it ended."""

import json
import socket
import struct
import threading
import time

import pytest

from arkwright.serve.model.loaded import load
from arkwright.serve.wire.limits import Limits

from .conftest import DIGEST, FLIGHTS, Live, late_model, late_signature, write
from .raw import connect, read_all
from .telemetry.conftest import samples, total

ROW = {"distance": 1200, "carrier": "UA", "delay": 4}
HELD = """

def held_features(flights: "pl.DataFrame") -> "pl.DataFrame":
    import time
    from pathlib import Path

    Path({began!r}).touch()
    while not Path({go!r}).exists():
        time.sleep(0.005)
    return polars_features(flights)
"""


class Held(Live):
    """Computes nothing before `go`."""

    def __init__(self, folder, **limits):
        self.began, self.go = folder / "began", folder / "go"
        code = FLIGHTS + HELD.format(began=str(self.began), go=str(self.go))
        write(folder / "late", late_signature("held_features"), late_model(), code)
        self.go.touch()  # for the run that warms up
        one = load(folder / "late", endpoint="late", release="release:late@3", digest=DIGEST)
        self.again()
        (folder / "counters").mkdir()
        super().__init__([one], Limits(**limits), observed=folder / "counters")

    def again(self):
        self.began.unlink(missing_ok=True)
        self.go.unlink(missing_ok=True)

    def until(self, true):
        end = time.monotonic() + 60
        while not true():
            assert time.monotonic() < end
            time.sleep(0.005)

    def counted(self):
        """(code -> requests, sum of what has a latency), when nothing is in flight any more."""
        self.until(lambda: total(self.metrics(), "arkwright_in_flight") == 0)
        return self.codes(), total(self.metrics(), "arkwright_request_seconds_count", endpoint="late")

    def codes(self):
        """code -> requests, so far."""
        labels = [(dict(key[1:]), n) for key, n in self.metrics().items() if key[0] == "arkwright_requests_total"]
        return {k["code"]: n for k, n in labels if k["endpoint"] == "late"}

    def metrics(self):
        return samples(self.call("GET", "/metrics")[2].decode())

    def lines(self):
        """What the access log says, a second later."""
        log = self.observed / "access"
        return [one for one in map(json.loads, log.read_text().splitlines()) if one["path"] == "/predict"]


@pytest.fixture
def held(tmp_path):
    with Held(tmp_path, answer_time=0.2) as live:
        yield live


def test_who_was_told_504_is_counted_so(held):
    status, _, answer = held.call("POST", "/predict", ROW)
    assert (status, answer) == (504, {"error": "the answer took too long"})
    held.go.touch()
    assert held.counted() == ({"504": 1}, 0)
    held.until(held.lines)
    assert [(line["status"], line["bytes"]) for line in held.lines()] == [(504, 0)]


def test_who_waits_in_the_queue_and_is_told_504_too(held):
    found = []
    callers = [threading.Thread(target=lambda: found.append(held.call("POST", "/predict", ROW)[0])) for _ in range(3)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    held.go.touch()
    assert found == [504, 504, 504]
    assert held.counted() == ({"504": 3}, 0)


def test_who_left_while_it_was_computed_is_counted_as_gone(tmp_path):
    with Held(tmp_path) as held:
        body = json.dumps(ROW).encode()
        with socket.create_connection(("127.0.0.1", held.port), timeout=60) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            held.until(held.began.exists)
        held.until(lambda: len(held.server.front.connections) == 0)
        held.go.touch()
        assert held.counted() == ({"499": 1}, 0)
        assert held.call("POST", "/predict", ROW)[0] == 200
        assert held.counted() == ({"499": 1, "200": 1}, 1)


def ask(sock, version=b"1.1", times=1):
    body = json.dumps(ROW).encode()
    head = b"POST /predict HTTP/%b\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (version, len(body))
    sock.sendall((head + body) * times)


def waiting(held):
    """How many wait behind what is computed."""
    return len(held.server.app.routes["late"].first.batcher._later)


@pytest.mark.parametrize("times", [1, 3])
def test_who_closes_the_connection_has_left(tmp_path, times):
    """In the ordinary way, not by a reset; also with more behind the first. What waits for them is not computed."""
    with Held(tmp_path) as held:
        with connect(held) as computed:
            ask(computed)
            held.until(held.began.exists)
            with connect(held) as waits:
                ask(waits, times=times)
                held.until(lambda: waiting(held) == 1)
            held.until(lambda: waiting(held) == 0)  # while the other one is computed
            assert held.codes() == {"499": 1}
        held.until(lambda: not held.server.front.connections)
        held.go.touch()
        assert held.counted() == ({"499": 2}, 0)
        held.until(lambda: len(held.lines()) == 2)
        assert [(line["status"], line["bytes"]) for line in held.lines()] == [(499, 0)] * 2


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_who_only_sends_no_more_is_answered(tmp_path, version):
    with Held(tmp_path) as held, connect(held) as sock:
        ask(sock, version, 1 if version == b"1.0" else 3)
        sock.shutdown(socket.SHUT_WR)
        held.until(held.began.exists)
        assert sock.recv(100) == b"H"  # by which it is known to be there
        held.go.touch()
        answer = b"H" + read_all(sock)
        count = answer.count(b"HTTP/1.1 200 OK\r\n")
        assert (count, answer.count(b'"prediction"')) == ((1, 1) if version == b"1.0" else (3, 3))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert held.counted() == ({"200": count}, count)


def test_metrics_for_which_no_thread_is_left_are_to_be_asked_for_again(held, monkeypatch):
    def starts(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as lacking:
        lacking.setattr(threading.Thread, "start", starts)
        status, headers, said = held.call("GET", "/metrics")
    assert (status, headers["Retry-After"]) == (503, "1")
    assert said == {"error": "no thread is left to make the metrics; try again"}
    held.go.touch()
    assert held.counted() == ({}, 0)
