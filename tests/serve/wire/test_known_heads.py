"""A head that came before is not parsed again, and nobody can tell: whatever bytes come, cut wherever, the answers are
the same as without that memory.
"""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.serve.wire.wire import Wire

from arkwright.serve.wire import reader as protocol
from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Response

HOST, ID, TRACE = b"Host: localhost\r\n", b"X-Request-Id: %b\r\n", b"traceparent: %b\r\n"


class Forgetful(dict):
    """Remembers no head."""

    def __setitem__(self, key, value):
        pass


class Talk:
    """One connection of a front whose handler says what it was asked, at once or when it is let."""

    def __init__(self, front, waiting):
        self.wire, self._waiting = Wire(), waiting
        self.connection = Connection(front)
        self.connection.connection_made(self.wire)

    async def say(self, pieces, *, late):
        for piece in pieces:
            self.connection.data_received(piece)
            if not late:
                await self._answer()
        await self._answer()
        if not self.wire.ended:
            self.connection.eof_received()
        self.connection.connection_lost(None)
        return self.wire.said, self.wire.ended

    async def _answer(self):
        while self._waiting:
            request, reply = self._waiting.pop(0)
            heads = b"".join(b"%b=%b;" % pair for pair in sorted(request.headers.items()))
            reply(Response(200, b"%b %b %b %b" % (request.method.encode(), request.path.encode(), heads, request.body)))
            await asyncio.sleep(0)  # its turn


def compare(talks, *, late=False, limits=None):
    """Every talk is a list of pieces; the answers with and without memory, which is warm from the talks before."""

    async def run():
        waiting = []
        both = []
        for heads in ({}, Forgetful()):
            front = Front(
                lambda request, reply: waiting.append((request, reply)),
                limits or Limits(),
                loopback=True,
            )
            front.heads = heads
            front.date = b"Date: now\r\n"
            both.append([await Talk(front, waiting).say(pieces, late=late) for pieces in talks])
            assert front.bodies == 0
            assert len(front.heads) <= protocol.MOST_HEADS
            front._timer.cancel()
        return both

    known, parsed = asyncio.run(run())
    assert known == parsed
    return known


def post(body=b"{}", extra=b"", length=None):
    size = len(body) if length is None else length
    return b"POST /p HTTP/1.1\r\n" + HOST + extra + b"Content-Length: %d\r\n\r\n" % size + body


GET = b"GET /p?q HTTP/1.1\r\n" + HOST + b"\r\n"
PIECES = st.sampled_from([
    post(), post(b"[1]"), post(b"x" * 40), post(b"\r\n\r\n"), post(post()), post(b""), GET,
    GET.replace(b"GET", b"HEAD"), GET.replace(b"1.1", b"1.0"),
    post(extra=b"Connection: close\r\n"), post(extra=b"Connection: keep-alive\r\n").replace(b"1.1", b"1.0"),
    post(extra=b"Expect: 100-continue\r\n"), post(extra=b"A: 1\r\nA: 2\r\n"),
    *(post(extra=one) for one in (
        ID % b"7", ID % b"8", TRACE % b"7", ID % b"7" + TRACE % b"8", ID % b"7" + ID % b"8", ID.lower() % b"7",
        ID % b"7" + b" folded\r\n", ID % b"7" + b"X-Request-Id:8\r\n", ID % b"7" + b"X-Request-Id:\t8\r\n",
        b"X-Request-Id:8\r\n" + ID % b"7", ID % b"", ID % b"a b", ID % b"\xff", ID % (b"a" * 128), ID % (b"a" * 129),
        ID[:-2] % b"7" + b"\n", ID % b"7" + b"Connection: close\r\n", ID % b"7" + b"A : 1\r\n",
    )),
    post(extra=b"Transfer-Encoding: chunked\r\n"),
    b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    post(length=1), post(length=3), post(length=0), post() + b"\0", post() + b"\r\n", post() + b"G", post()[:-1],
    b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"{}", b"x", b"0\r\n\r\n",
    post(extra=b"Upgrade: h2c\r\nConnection: upgrade\r\n"), post(extra=b"Content-Length: 2\r\n"),
    post().replace(b"localhost", b"evil.example"), post().replace(b"\r\n", b"\n"), post(b"{}", b" folded\r\n"),
])  # fmt: skip


@st.composite
def cut(draw):
    """Requests and rubbish one behind the other, in pieces that end anywhere or just where a request does."""
    parts = draw(st.lists(PIECES, min_size=1, max_size=6))
    data = b"".join(parts)
    ends = [sum(map(len, parts[: i + 1])) for i in range(len(parts))]
    cuts = draw(st.lists(st.sampled_from(ends) | st.integers(0, len(data)), max_size=8))
    at = sorted({0, *cuts, len(data)})
    return [data[a:b] for a, b in pairwise(at)]


@given(talks=st.lists(cut(), min_size=1, max_size=5), late=st.booleans())
@example(talks=[[post()], [post() + b"\0"]], late=False)
@example(talks=[[post()], [post(), b"\r", post()]], late=False)
@example(talks=[[post()], [post(length=3), post()]], late=False)
@example(talks=[[b"\r\n" + post(extra=ID % b"7")], [b"\r\n" + ID % b"7" + post()]], late=False)
@example(talks=[[b"\n\r\n" + post(extra=ID % b"7")], [b"\n\r\n" + ID % b"7" + post()]], late=False)
@example(talks=[[post(extra=b"Connection: close\r\n")], [post(extra=b"Connection: close\r\n"), post()]], late=True)
def test_the_answers_are_the_same_with_and_without_memory(talks, late):
    compare(talks, late=late)


@given(st.lists(cut(), min_size=2, max_size=4))
def test_also_with_tight_limits(talks):
    compare(talks, limits=Limits(body=30, headers=80, url=10, chunks=2, bodies=10_000))


ATTACKS = {
    "more behind the body": [post() + b"GET /evil HTTP/1.1\r\n\r\n"],
    "a second request behind it": [post() + post()],
    "the body in the next piece": [post()[:-2], b"{}"],
    "less body than said, then another": [post()[:-1], post()],
    "a known head inside a body": [post(post())[:-3], post()[-3:]],
    "a known head as a body": [b"POST /p HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(post()), post()],
    "a known head in a chunk": [
        b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(post()),
        post(), b"\r\n0\r\n\r\n",
    ],
    "a known head as a trailer": [b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", post()],
    "a known head behind half a line": [b"GET /evil HTTP/1.1\r\nX: ", post()],
    "a known head behind half a head": [b"GET /evil HTTP/1.1\r\n", post()],
    "another length": [post(length=3), b"x"],
    "in upper case": [post().replace(b"Host", b"HOST")],
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_smuggling_with_a_known_head(name):
    warm = [[post()], [post(post())], [post(length=3) + b"x"], [GET]]
    compare([*warm, ATTACKS[name], [post()]])


def heads_after(pieces, limits=None):
    async def run():
        front = Front(lambda request, reply: reply(Response(200, b"")), limits or Limits(), loopback=True)
        connection = Connection(front)
        connection.connection_made(Wire())
        sizes = []
        for piece in pieces:
            connection.data_received(piece)
            await asyncio.sleep(0)  # for what came behind it
            sizes.append(len(front.heads))
        connection.connection_lost(None)
        front._timer.cancel()
        return sizes, list(front.heads)

    return asyncio.run(run())


def test_what_is_remembered_is_bounded():
    sizes, heads = heads_after(post(extra=b"X: %d\r\n" % i) for i in range(3 * protocol.MOST_HEADS))
    assert max(sizes) == protocol.MOST_HEADS
    assert post(extra=b"X: %d\r\n" % (3 * protocol.MOST_HEADS - 1))[:-2] in heads
    sizes, heads = heads_after(post(extra=b"X: %b\r\n" % (b"x" * size)) for size in (10, 5000, 15_000))
    assert sizes == [1, 1, 1]  # a long head costs more to keep than to parse


def test_what_clients_say_anew_is_not_remembered_and_the_rest_is():
    pieces = [post(extra=ID % b"%d" % i + TRACE % b"%d" % i) for i in range(9)]
    assert heads_after(pieces) == ([1] * 9, [(post()[:-2], b"X-Request-Id", b"traceparent")])
    assert heads_after([post(extra=ID % b"7" + b"X-Request-Id:8\r\n")])[1] == []


def test_what_is_not_remembered():
    """Framed in another way, its head in two pieces, or refused."""
    chunked = b"POST /p HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    for pieces in (
        [chunked], [post()[:-5], post()[-5:]], [b"\r\n" + post()[:9], post()[9:]],
        [post(extra=b"Expect: 100-continue\r\n")], [post().replace(b"localhost", b"evil.example")],
    ):  # fmt: skip
        assert heads_after(pieces)[1] == [], pieces
    assert len(heads_after([post(), GET])[1]) == 2
