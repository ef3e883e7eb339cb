"""Requests that `native` took from a connection before there was a `Request` of them."""

from typing import Protocol

from arkwright.serve.wire.front import Head
from arkwright.serve.wire.messages import Request
from arkwright.serve.wire.parted import parted


class Taken(Protocol):
    """One that waits for its answer. It has everything that a request has, which it becomes when it is asked for it."""

    @property
    def request(self) -> Request: ...


class Called(Protocol):
    """A connection, by its caller's address."""

    caller: str


def request_of(head: Head, data: bytes, at: int, connection: Called, received: float, gone: int) -> Request:
    """What was taken, as a connection would have made it: its head ends `at` that place of its bytes."""
    anew = parted(data[:at])
    headers = head.headers | anew[1] if anew else head.headers
    made = Request(head.method, head.path, headers, data[at:], head.keep_alive, head.old, gone)
    made.caller, made.received, made.way = connection.caller, received, head.way
    return made
