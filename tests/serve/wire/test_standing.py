"""How connections stand: what a keeper is told is true at every moment at which a worker may die."""

import asyncio
import socket
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.wire.wire import Wire

from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Response
from arkwright.serve.wire.standing import LARGEST, MOST, ROUND, Kernel, Stand, noting, owed, quiet

FD = 7  # Wire's


def talk(pieces, *, hand_over, late):
    """What a client reads that sends these pieces. `hand_over`: whenever the connection is quiet another takes it."""

    async def run():
        waiting, said, read = [], b"", 0

        def answer(request, reply):
            def now():
                reply(Response(200, request.path.encode() + request.body))

            waiting.append(now) if late else now()

        front = Front(answer, Limits(), loopback=True)
        wire, connection = Wire(), Connection(front)
        connection.connection_made(wire)

        front.date = b""

        def stands(how):
            return how(front.standing[FD], front.standing[MOST + FD], Kernel(len(said + wire.said), read, open=True))

        def dies():
            nonlocal said, wire, connection
            if hand_over and stands(quiet) and not wire.ended:
                said, wire = said + wire.said, Wire()
                connection = Connection(front, Stand(front.standing, Kernel(len(said), read, open=True)))
                connection.connection_made(wire)

        try:
            for piece in pieces:
                read += len(piece)
                assert stands(owed) or not stands(quiet)  # it is read, and not seen yet
                connection.data_received(piece)
                dies()
                while waiting or front._turning:
                    if waiting:
                        assert stands(owed)
                        waiting.pop(0)()
                    else:
                        await asyncio.sleep(0)
                    dies()
            return said + wire.said
        finally:
            front._timer.cancel()

    return asyncio.run(run())


def post(path, body, more=b""):
    return b"POST /%b HTTP/1.1\r\nHost: localhost\r\n%bContent-Length: %d\r\n\r\n%b" % (path, more, len(body), body)


REQUESTS = [
    post(b"a", b"one"),
    post(b"b", b""),
    post(b"c", b"x" * 300, b"Expect: 100-continue\r\n"),
    b"POST /d HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"\r\n" + post(b"e", b"{}"),
    b"GET /f HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"HEAD /g HTTP/1.1\r\nHost: localhost\r\n\r\n",
]


@given(
    st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=6),
    st.sets(st.integers(1, 900), max_size=8),
    st.booleans(),
)
def test_whoever_takes_a_quiet_connection_goes_on_as_the_one_before(requests, cuts, late):
    data = b"".join(requests)
    at = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[a:b] for a, b in pairwise(at)]
    assert talk(pieces, hand_over=True, late=late) == talk(pieces, hand_over=False, late=late)


def test_it_is_handed_over_between_any_two_requests():
    pieces = REQUESTS[:2] * 3
    assert talk(pieces, hand_over=True, late=False).count(b"HTTP/1.1 200") == 6


def stand(before=None):
    numbers = noting()
    made = Stand(numbers, before)
    made.begin(FD)

    def how(sent, read=before.read if before else 0, *, open_=True):
        told = numbers[FD], numbers[MOST + FD], Kernel(sent, read, open_)
        return owed(*told), quiet(*told)

    return made, how


OWED, QUIET, NEITHER = (True, False), (False, True), (False, False)


def test_an_answer_that_the_kernel_did_not_take_is_owed_and_one_that_it_took_in_part_is_not():
    one, how = stand()
    assert how(0) == QUIET
    one.came(0)
    assert how(0) == OWED
    one.answer(100, last=False, more=False)
    assert [how(kernel) for kernel in (0, 1, 99, 100)] == [OWED, NEITHER, NEITHER, QUIET]
    one.came(0)
    assert [how(kernel) for kernel in (99, 100, 101)] == [NEITHER, OWED, NEITHER]
    one.interim(25)
    assert [how(kernel) for kernel in (100, 125)] == [NEITHER, OWED]
    one.answer(10, last=True, more=False)
    one.came(0)  # what comes behind the last answer is not looked at
    assert [how(kernel) for kernel in (125, 130, 135, 136)] == [OWED, NEITHER, NEITHER, NEITHER]
    one.end()
    assert how(0) == NEITHER


def test_it_counts_anew_after_a_long_time_and_knows_no_end_of_an_answer_too_large_to_note():
    one, how = stand(Kernel(ROUND - 9, 77, open=True))
    one.came(0)
    assert how(ROUND - 9) == OWED
    one.answer(20, last=False, more=False)
    assert [how(kernel) for kernel in (ROUND - 9, 9, 10)] == [OWED, NEITHER, QUIET]
    one.answer(LARGEST, last=False, more=False)
    assert [how(kernel) for kernel in (10, 10 + LARGEST)] == [OWED, NEITHER]


def test_what_was_read_and_not_seen_is_owed_and_what_was_not_read_is_quiet():
    one, how = stand()
    assert [how(0, 0), how(0, 1)] == [QUIET, OWED]
    one.came(50)
    one.answer(100, last=False, more=False)
    assert [how(100, 50), how(100, 51), how(0, 51), how(50, 51)] == [QUIET, OWED, OWED, NEITHER]
    assert how(100, 51, open_=False) == NEITHER  # its end was read


def test_the_kernel_knows_what_was_sent_and_read_whatever_the_other_side_does():
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as far:
        with pytest.raises(OSError, match="listens"):
            Kernel.of(listening)
        near, _ = listening.accept()
        with near:
            assert Kernel.of(near) == (0, 0, True)
            near.sendall(b"x" * 1000)
            far.recv(500)
            assert Kernel.of(near) == (1000, 0, True)
            far.sendall(b"x" * 300)
            near.recv(1, socket.MSG_PEEK)
            assert Kernel.of(near) == (1000, 0, True)
            near.recv(200)
            assert Kernel.of(near) == (1000, 200, True)
            near.setblocking(False)  # noqa: FBT003
            sent = 1000
            with suppress(BlockingIOError):
                while True:
                    sent += near.send(b"x" * 100_000)
            assert Kernel.of(near) == (sent, 200, True)
            got = 500
            while got < sent:
                got += len(far.recv(2**20))
                assert Kernel.of(near).sent == sent
            far.shutdown(socket.SHUT_WR)
            near.setblocking(True)  # noqa: FBT003
            while near.recv(1000):
                pass
            assert not Kernel.of(near).open
