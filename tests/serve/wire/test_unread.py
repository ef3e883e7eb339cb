"""Answers that are not taken: how long they may lie there, how much of them, and who is cut off."""

import contextlib
import socket
import time

import pytest
from tests.serve.conftest import Live, loaded_late
from tests.serve.raw import HOST, alive
from tests.serve.wire.test_turns import get, talking

from arkwright.serve.wire.limits import Limits

GRACE, SLOWEST = 15, 1000
LIMITS = Limits(body_idle=GRACE, slowest=SLOWEST, unread=100_000)


def behind(connect, front, size):
    """A client that has so much of an answer before it."""
    connection, wire = connect()
    connection.data_received(get(b"page"))
    wire.waiting = size
    connection.pause_writing()
    return connection, wire, front.loop.time()


@pytest.mark.parametrize(("left", "ended"), [(50_000, "aborted"), (1, "aborted"), (0, "")])
def test_an_answer_must_be_taken_as_a_whole(left, ended):
    """A grace time and a second for each thousand bytes; to take some of it now and then gives no more."""

    async def work(front, connect):
        connection, wire, now = behind(connect, front, 50_000)
        for seconds in range(GRACE + 49):
            wire.waiting -= (50_000 - left) // 100
            connection.look_at_the_clock(now + seconds)
            assert not wire.ended
        wire.waiting = left
        connection.look_at_the_clock(now + GRACE + 51)
        assert wire.ended == ended

    talking(work, limits=LIMITS)


def test_who_resumes_and_falls_behind_again_has_the_same_clock():
    async def work(front, connect):
        connection, wire, now = behind(connect, front, 10_000)
        for answers in range(1, 10):
            wire.waiting = 10
            connection.resume_writing()
            wire.waiting = 10_000
            connection.pause_writing()
            connection.look_at_the_clock(now + GRACE + 10 * answers + 9)
            assert not wire.ended
        connection.look_at_the_clock(now + GRACE + 101)
        assert wire.ended == "aborted"

    talking(work, limits=LIMITS)


def test_who_has_taken_everything_begins_anew():
    async def work(front, connect):
        connection, wire, now = behind(connect, front, 10_000)
        wire.waiting = 0
        connection.resume_writing()
        connection.look_at_the_clock(now + 1)
        assert not front.behind
        connection.data_received(get(b"page"))
        wire.waiting = 10_000
        connection.pause_writing()
        connection.look_at_the_clock(now + GRACE + 9)
        assert not wire.ended
        assert front.behind == {connection}
        connection.connection_lost(None)
        assert not front.behind

    talking(work, limits=LIMITS)


def test_where_too_much_is_unread_the_slowest_are_cut_off():
    async def work(front, connect):
        clients = [behind(connect, front, 40_000) for _ in range(4)]
        for (_, wire, _), left in zip(clients, (40_000, 1000, 39_000, 30_000), strict=True):
            wire.waiting = left
        front._cut_off(front.loop.time() + 5)
        assert [wire.ended for _, wire, _ in clients] == ["aborted", "", "", ""]
        front._cut_off(front.loop.time() + 6)  # the others are within the bound
        assert [wire.ended for _, wire, _ in clients] == ["aborted", "", "", ""]

    talking(work, limits=LIMITS)


def test_a_client_that_takes_a_little_all_the_time_is_cut_off(tmp_path):
    with Live([loaded_late(tmp_path, "polars_features")], Limits(body_idle=0.3, slowest=100_000_000)) as live:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(0.05)
            sock.connect(("127.0.0.1", live.port))
            sock.sendall((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 1000)
            assert sock.recv(1)
            end = time.monotonic() + 60
            while live.server.front.connections:  # so small a buffer may never hear of the reset
                assert time.monotonic() < end
                with contextlib.suppress(TimeoutError, ConnectionResetError):
                    sock.recv(1)
                time.sleep(0.005)  # at most 200 bytes a second
        assert alive(live)
        assert not live.server.front.behind
