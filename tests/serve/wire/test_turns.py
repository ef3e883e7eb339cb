"""One connection has one request answered, then it is another's turn; and nothing stays of a connection that ended."""

import asyncio
import gc
import weakref
from functools import partial

import pytest
from tests.serve.raw import CHUNKED, HOST, LIVE, POST
from tests.serve.wire.wire import Wire

from arkwright.serve.wire.front import Front
from arkwright.serve.wire.http import Connection
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Response


def talking(work, handler=None, limits=None):
    """`work` is given a front and a way to connect to it, in a loop."""

    async def run():
        front = Front(handler or (lambda _, reply: reply(Response(200, b""))), limits or Limits(), loopback=True)

        def connect(kind=Connection):
            connection, wire = kind(front), Wire()
            connection.connection_made(wire)
            return connection, wire

        try:
            await work(front, connect)
        finally:
            front._timer.cancel()

    asyncio.run(run())


def get(path):
    return b"GET /%b HTTP/1.1\r\n" % path + HOST + b"\r\n"


def test_who_asks_a_hundred_times_at_once_waits_for_those_who_ask_once():
    order = []

    async def work(front, connect):
        greedy, wire = connect()
        others = [connect() for _ in range(3)]
        greedy.data_received(get(b"greedy") * 100)
        assert not wire.reading  # and sends no more until it is answered
        for other, _ in others:
            other.data_received(get(b"once"))
        while not wire.reading:  # noqa: ASYNC110 - its turns
            await asyncio.sleep(0)
        assert wire.said.count(b"200 OK") == 100
        assert front.bodies == 0

    def handler(request, reply):
        order.append(request.path)
        reply(Response(200, b""))

    talking(work, handler)
    assert order[:4] == ["/greedy", "/once", "/once", "/once"]
    assert order[4:] == ["/greedy"] * 99


def test_what_waits_to_be_looked_at_counts_as_a_body():
    async def work(front, connect):
        one, wire = connect()
        one.data_received(get(b"a") * 100)
        assert front.bodies == 100 * len(get(b"a"))
        other, refused = connect()
        other.data_received(POST + b"Content-Length: 2\r\n\r\n{}")
        assert b" 503 " in refused.said
        one.connection_lost(None)
        other.connection_lost(None)
        assert front.bodies == 0
        assert wire.said.count(b"200 OK") == 1

    talking(work, limits=Limits(bodies=1000))


def test_a_request_that_comes_while_another_is_answered():
    waiting = []

    async def work(front, connect):
        one, wire = connect()
        for data in (get(b"a"), get(b"b") + get(b"c")[:20], get(b"c")[20:]):
            one.data_received(data)
        for path in ("/a", "/b", "/c"):
            request, reply = waiting.pop()
            assert request.path == path
            assert not waiting
            reply(Response(200, b""))
            await asyncio.sleep(0)
        assert wire.reading

    talking(work, lambda request, reply: waiting.append((request, reply)))


def test_what_waits_goes_the_way_that_there_is_when_its_turn_comes():
    """An endpoint may be moved or stopped meanwhile, so what answered when it came may not answer any more."""
    waiting, taken, ways = [], [], ["old"]

    async def work(front, connect):
        front.way = lambda request: partial(takes, ways[0]) if request.path == "/predict" else None
        one, _ = connect()
        chunked = b"POST /first HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n"
        one.data_received(chunked + POST + b"Content-Length: 2\r\n\r\n{}")
        ways[0] = "new"
        waiting.pop()(Response(200, b""))
        await asyncio.sleep(0)
        assert taken == ["new"]

    def takes(way, *_):
        taken.append(way)
        return True

    talking(work, lambda _, reply: waiting.append(reply))


class Followed(Connection):
    __slots__ = ("__weakref__",)


@pytest.mark.parametrize(
    "data",
    [
        LIVE,
        POST + b"Content-Length: 1073741824\r\n\r\n" + b"x" * 100_000,
        POST + b"No colon\r\n\r\n",
        POST + CHUNKED + b"\r\n2\r\n{}\r\nz\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["good", "large", "malformed", "chunk", "host"],
)
def test_nothing_waits_for_the_garbage_collector(data):
    """A refused request may leave 256 KiB that were read of it, which would wait for hundreds of others."""

    async def work(front, connect):
        gc.disable()
        try:
            connection, wire = connect(Followed)
            connection.data_received(data)
            assert wire.said
            left = weakref.ref(connection)
            connection.connection_lost(None)
            del connection
            assert left() is None
        finally:
            gc.enable()

    talking(work)


def test_a_mistake_with_one_client_takes_no_turn_from_the_others(caplog):
    """What is raised is a mistake of ours; its client is cut off, since it would wait for nothing."""

    async def work(front, connect):
        (bad, cut), (good, wire) = connect(), connect()
        bad.data_received(get(b"good") + get(b"bad") + get(b"good"))
        good.data_received(get(b"good") * 3)
        for _ in range(10):
            await asyncio.sleep(0)
        assert wire.said.count(b"200 OK") == 3
        assert cut.ended == "aborted"
        assert cut.said.count(b"200 OK") == 1
        good.data_received(get(b"good") * 2)
        for _ in range(10):
            await asyncio.sleep(0)
        assert wire.said.count(b"200 OK") == 5

    def handler(request, reply):
        if request.path == "/bad":
            raise ValueError(request.path)
        reply(Response(200, b""))

    talking(work, handler)
    assert "a connection failed" in caplog.text
