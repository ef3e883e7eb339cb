"""What clients see when a worker dies: who waits is told so, who does not is served by the next one."""

import json
import os
import select
import signal
import socket
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from tests.serve.supervised import Supervised, calling, who_release

GONE = {"error": "the server ended while this was in flight; try again"}


@pytest.fixture
def one(tmp_path):
    """One worker that answers with the number of its process."""
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}) as server:
        yield server


def ask(distance, more=b""):
    body = json.dumps({"distance": distance}).encode()
    return b"POST /predict HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)


def connect(server):
    return closing(socket.create_connection(("127.0.0.1", server.port), timeout=60))


def rest(sock):
    """Everything until the end, which is no reset."""
    data = b""
    while part := sock.recv(65536):
        data += part
    return data


def answer(sock):
    """One answer: its head and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        assert part, data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].split()[0])
    while len(body) < length:
        body += sock.recv(65536)
    assert len(body) == length
    return head, json.loads(body)


def pid(sock):
    sock.sendall(ask(100))
    return int(answer(sock)[1]["prediction"]["value"])


def told_so(data):
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 503 Service Unavailable"
    assert {b"Retry-After: 1", b"Connection: close", b"Content-Type: application/json"} < set(lines)
    assert b"Content-Length: %d" % len(body) in lines
    return json.loads(body) == GONE


def works(server, sock):
    """Once it is computing what this connection asked."""
    server.until(lambda: unread(server, sock) == 0)
    answer_of_another(server)


def answer_of_another(server):
    with connect(server) as other:
        other.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer(other)[1] == {"live": True}


def unread(server, sock):
    """Bytes that the worker has not read yet of this connection."""
    here = f":{sock.getsockname()[1]:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return next(int(w[4].partition(":")[2], 16) for w in lines if w[2].endswith(here))


def kill(server, sign=signal.SIGKILL):
    (worker,) = server.workers()
    os.kill(worker, sign)
    return worker


def test_who_waits_for_an_answer_is_told_that_there_will_be_none(one):
    with connect(one) as computed, connect(one) as queued:
        for sock in (computed, queued):
            sock.sendall(ask(9))
            works(one, sock)
        kill(one)
        assert told_so(rest(computed))
        assert told_so(rest(queued))


def test_who_sends_a_request_is_told_and_can_read_it_while_it_sends_on(one):
    body = b"x" * 4_000_000
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
    with connect(one) as half_a_head, connect(one) as half_a_body:
        half_a_head.sendall(head[:30])
        half_a_body.sendall(head + body[:1000])
        works(one, half_a_head)
        works(one, half_a_body)
        kill(one)
        assert told_so(rest(half_a_head))
        half_a_body.sendall(body[1000:500_000])
        assert told_so(rest(half_a_body))


def test_a_quiet_connection_goes_on_with_the_next_worker(one):
    with connect(one) as used, connect(one) as fresh:
        before = pid(used)
        answer_of_another(one)  # whoever came before is accepted
        assert kill(one) == before
        assert pid(used) == pid(fresh) == pid(used) != before
        with frozen(one_of(one, "ark-keeper")):  # it goes on when it is needed
            again = kill(one)  # and what the next one has sent counts too
        assert pid(used) == pid(fresh) != again
        used.sendall(ask(9))
        works(one, used)
        kill(one)
        assert told_so(rest(used))


@contextmanager
def frozen(keeper):
    """It has ended thereafter, in any case."""
    handle = os.pidfd_open(keeper)
    os.kill(keeper, signal.SIGSTOP)
    try:
        yield
        assert select.select([handle], [], [], 10)[0], "it is frozen"
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)


def test_what_the_worker_never_read_is_answered_by_the_next(one):
    with connect(one) as sock:
        before = pid(sock)
        kill(one, signal.SIGSTOP)
        sock.sendall(ask(100))
        one.until(lambda: unread(one, sock) > 0)
        kill(one)
        assert answer(sock)[1]["prediction"]["value"] != before


def test_what_was_read_behind_the_request_in_flight_is_lost_with_it_and_nothing_else_is_said(one):
    with connect(one) as sock, connect(one) as answered:
        answered.sendall(ask(100) + ask(100)[:40])
        answer(answered)
        sock.sendall(ask(9) + ask(100) + ask(100)[:40])
        works(one, sock)
        works(one, answered)
        kill(one)
        assert told_so(rest(sock))
        assert told_so(rest(answered))


def test_half_an_answer_gets_no_second_head(one):
    rows = json.dumps([{"distance": 100}] * 600_000).encode()
    with closing(socket.socket()) as sock:
        sock.settimeout(60)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", one.port))
        sock.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(rows), rows))
        data = sock.recv(1000)
        kill(one)
        while part := reset_or(sock):
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        assert data.count(b"HTTP/1.1") == 1
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert len(body) < int(head.partition(b"Content-Length: ")[2].split()[0])


def reset_or(sock):
    try:
        return sock.recv(65536)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("sign", [signal.SIGSEGV, signal.SIGABRT])
def test_a_crash_is_told_like_a_kill(one, sign):
    with connect(one) as sock:
        sock.sendall(ask(9))
        works(one, sock)
        kill(one, sign)
        assert told_so(rest(sock))


def test_nothing_is_left_of_a_hundred_connections_and_thirty_workers(one):
    def left():
        return len(list(Path(f"/proc/{one.process.pid}/fd").iterdir())), len(family(one))

    with ExitStack() as held:
        kept = [held.enter_context(connect(one)) for _ in range(100)]
        pid(kept[0])
        before = left()
        for i in range(30):
            with connect(one) as sock:
                sock.sendall(ask(6 + i / 10))  # another one each time: it ends no three workers
                works(one, sock)
                kill(one)
                assert told_so(rest(sock))
            assert len({pid(sock) for sock in kept}) == 1
        one.until(lambda: left() == before)
        (worker,) = one.workers()
        assert sum("socket:" in link for link in descriptors(worker)) < 120
    one.until(lambda: sum("socket:" in link for link in descriptors(worker)) < 20)


def descriptors(process):
    found = []
    for entry in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(entry.readlink()))
    return found


def family(server):
    """(number, name) of every child."""
    supervisor = server.process.pid
    found = []
    for child in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        with suppress(FileNotFoundError):
            found.append((int(child), Path(f"/proc/{child}/comm").read_text().strip()))
    return found


def test_all_its_processes_end_with_it(tmp_path):
    with Supervised(tmp_path / "s", {"who": [(who_release(tmp_path / "who@1"), 1, 1.0)]}, workers=2) as server:
        everybody = family(server)
        assert sorted(name for _, name in everybody) == ["ark-keeper"] * 2 + ["ark-worker"] * 2 + ["ark-zygote"]
        handles = [os.pidfd_open(number) for number, _ in everybody]
    for handle in handles:
        assert select.select([handle], [], [], 60)[0]
        os.close(handle)


def one_of(server, name):
    return next(number for number, called in family(server) if called == name)


def test_a_worker_without_its_keeper_is_replaced_and_nobody_notices(one):
    """There are a worker and a keeper again; what is quiet outlives that worker too."""
    with calling(2, one.port, "/predict", {"distance": 100}) as callers:
        before = dict(family(one))
        keeper = one_of(one, "ark-keeper")
        os.kill(keeper, signal.SIGKILL)
        one.until(lambda: {"ark-keeper", "ark-worker"} <= {name for n, name in family(one) if n not in before})
        one.until(lambda: sorted(name for _, name in family(one)) == ["ark-keeper", "ark-worker", "ark-zygote"])
    assert [caller.failed for caller in callers] == [[], []]
    assert not Path(f"/proc/{keeper}").exists(), "nothing is left of it"
    assert one.said("the keeper of a worker ended") == 1
    with connect(one) as sock:
        after = pid(sock)
        kill(one)
        assert pid(sock) != after


def test_when_the_zygote_is_gone_the_workers_go_on_and_another_makes_the_next(one):
    zygote = one_of(one, "ark-zygote")
    gone = os.pidfd_open(zygote)
    os.kill(zygote, signal.SIGKILL)
    select.select([gone], [], [], 60)
    os.close(gone)
    with connect(one) as sock:
        before = pid(sock)
        kill(one)
        assert pid(sock) != before
    assert one_of(one, "ark-zygote") != zygote
