"""Stopping: not ready first, then no listener, and whatever was asked before is answered."""

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from tests.serve.clock import Clock
from tests.serve.conftest import Live, loaded_late
from tests.serve.raw import HOST, LIVE, POST, ROW, connect, exchange, read_all, statuses

from arkwright.core.errors import Invalid, Refused
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes.supervisor import serve
from arkwright.serve.wire.front import Front
from arkwright.serve.wire.limits import Limits

READY = b"GET /v2/health/ready HTTP/1.1\r\n" + HOST + b"\r\n"
ASK = POST + b"Content-Length: %d\r\n\r\n" % len(ROW) + ROW


def test_not_ready_but_accepting_until_the_balancer_knows(tmp_path):
    with Live([loaded_late(tmp_path, "polars_features")], Limits(drain_delay=0.6)) as live:
        kept = connect(live)
        kept.sendall(LIVE)
        assert b"Connection: close" not in kept.recv(65536)
        live.stop()
        time.sleep(0.1)
        answer = exchange(live, READY)
        assert statuses(answer) == [503]
        assert b'"ready":false' in answer
        assert statuses(exchange(live, LIVE)) == [200]
        kept.sendall(ASK)
        answer = read_all(kept)
        assert statuses(answer) == [200]
        assert b"Connection: close\r\n" in answer  # so that a pooled client opens its next one elsewhere
        kept.close()
        live.thread.join(5)
        with pytest.raises(ConnectionRefusedError):
            connect(live)


def test_what_is_in_flight_is_answered_and_what_is_idle_is_closed(slow):
    with Live([slow.loaded]) as live:
        slow.hold()
        idle, busy, half = connect(live), connect(live), connect(live)
        idle.sendall(LIVE)
        assert statuses(idle.recv(65536)) == [200]
        busy.sendall(ASK)
        slow.until(1)
        half.sendall(ASK[:-5])
        time.sleep(0.1)
        live.stop()
        assert read_all(idle) == b""
        half.sendall(ASK[-5:])
        slow.let_go()
        assert statuses(read_all(busy)) == [200]
        assert statuses(read_all(half)) == [200]
        for sock in (idle, busy, half):
            sock.close()


def test_draining_ends(tmp_path):
    """A client that never finishes its request does not keep the server."""
    with Live([loaded_late(tmp_path, "polars_features")], Limits(drain_time=0.4)) as live, connect(live) as sock:
        sock.sendall(POST + b"Content-Length: 10\r\n\r\n{")
        time.sleep(0.1)
        start = time.perf_counter()
        live.stop()
        live.thread.join(30)
        assert not live.thread.is_alive()
        assert time.perf_counter() - start > 0.3
        assert read_all(sock) == b""


def test_a_halt_while_it_drains_takes_nobody_s_answer():
    """Of the whole server: a container that is paused."""
    clock = Clock()

    class Asked:
        aborted = False

        def close_if_idle(self):
            clock.call_at(1.0, setattr, clock, "now", 100.0)

        def look_at_the_clock(self, now):
            pass

        def abort(self):
            self.aborted = True

    async def drained():
        front, asked = Front(None, Limits(), loopback=True), Asked()
        front.connections.add(asked)
        clock.call_at(109.0, front.connections.discard, asked)
        await front.drain()
        return asked.aborted

    asyncio.set_event_loop(clock)
    assert not clock.run_until_complete(drained())
    clock.close()


SERVE = """
import sys
from pathlib import Path
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes.supervisor import serve
late = Served(Path(sys.argv[1]), "release:late@3", "0" * 64)
said = [{"late": Routing((Share(late),))}]
serve(lambda held: said.pop() if said else None, Serving(port=0), lambda address: print(address, flush=True))
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_without_losing_an_answer(tmp_path, slow, sign):
    command = [sys.executable, "-W", "error", "-c", SERVE, tmp_path / "late@3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        port = int(server.stdout.readline().rpartition(":")[2])
        seen, found = len(slow.calls()), []
        slow.hold()

        def ask():
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            client.request("POST", "/predict", ROW)
            answer = client.getresponse()
            found.append((answer.status, answer.headers["Arkwright-Release"], answer.headers["Connection"]))
            client.close()

        asking = threading.Thread(target=ask)
        asking.start()
        slow.until(seen + 1)
        os.kill(server.pid, sign)
        time.sleep(0.2)
        slow.let_go()
        asking.join(60)
        assert server.wait(60) == 0
        assert found == [(200, "release:late@3", "close")]
        assert server.stderr.read() == ""


def test_what_is_never_served(tmp_path):
    def ready(address):
        raise AssertionError(address)

    def watch(held):
        return {"late": Routing((Share(Served(tmp_path, "release:late@3", "0" * 64)),))}

    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(Refused, match="no authentication"):
            serve(watch, Serving(host=host, port=0), ready)
    with pytest.raises(Invalid, match=r"late cannot be served: .* holds no signature.json"):
        serve(watch, Serving(port=0), ready)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Invalid, match="choose another port"):
        serve(watch, Serving(port=taken.getsockname()[1]), ready)
