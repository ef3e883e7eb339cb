"""Free memory goes back to the system when something large has ended, and not all the time."""

from tests.serve.raw import POST
from tests.serve.wire.test_turns import talking
from tests.serve.wire.test_unread import behind

from arkwright.serve.wire import front as fronts
from arkwright.serve.wire.limits import Limits

LARGE = 2 * fronts.LARGE


def sweep(front):
    front._timer.cancel()
    front._sweep()


def test_after_a_large_body_and_not_while_it_is_there(monkeypatch):
    given = []
    monkeypatch.setattr(fronts, "give_back", lambda: given.append(1))

    async def work(front, connect):
        small, _ = connect()
        small.data_received(POST + b"Content-Length: 2\r\n\r\n{}")
        sweep(front)
        assert not given
        large, wire = connect()
        large.data_received(POST + b"Content-Length: %d\r\n\r\n" % LARGE)
        large.data_received(bytes(LARGE - 1))
        sweep(front)
        assert not given
        large.data_received(b"x")
        assert b"200 OK" in wire.said
        sweep(front)
        sweep(front)
        assert len(given) == 1
        front._given_back -= fronts.REST
        sweep(front)
        assert len(given) == 2  # what the log and others held for a moment
        front._given_back -= fronts.REST
        front._freed -= 2 * fronts.REST
        sweep(front)
        assert len(given) == 2
        front._given_back = front.now
        another, _ = connect()
        another.data_received(POST + b"Content-Length: %d\r\n\r\n" % LARGE)
        another.data_received(bytes(LARGE))
        sweep(front)
        assert len(given) == 2  # so soon
        front._given_back -= fronts.REST
        sweep(front)
        assert len(given) == 3

    talking(work)


def test_after_answers_that_were_not_taken(monkeypatch):
    given = []
    monkeypatch.setattr(fronts, "give_back", lambda: given.append(1))

    async def work(front, connect):
        connection, _, _ = behind(connect, front, 50_000)
        sweep(front)
        assert not given
        connection.connection_lost(None)
        sweep(front)
        assert len(given) == 1

    talking(work, limits=Limits())
