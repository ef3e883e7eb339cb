"""Requests that `native` took from a connection before there was a `Request` of them."""

from typing import Protocol

from arkwright.serve.wire.front import Head
from arkwright.serve.wire.messages import Request


class Taken(Protocol):
    """One that waits for its answer. It has everything that a request has, which it becomes when it is asked for it."""

    @property
    def request(self) -> Request: ...


class Called(Protocol):
    """A connection, by its caller's address."""

    caller: str


def request_of(head: Head, body: bytes, connection: Called, received: float, gone: int) -> Request:
    """What was taken, as a connection would have made it."""
    made = Request(head.method, head.path, head.headers, body, head.keep_alive, head.old, gone)
    made.caller, made.received, made.way = connection.caller, received, head.way
    return made
