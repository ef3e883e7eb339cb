"""What travels between the socket and the models: requests, responses and problems."""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from math import inf
from random import randint
from typing import Any, Protocol

import msgspec
import orjson

JSON = b"application/json"
_JSON = b"Content-Type: application/json\r\n"
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_STATUS[413] = b"HTTP/1.1 413 Content Too Large\r\n"
_CLOSE, _KEEP = b"Connection: close\r\n\r\n", b"Connection: keep-alive\r\n\r\n"
GONE, LATE = 499, 504  # what becomes of a request that ends before its answer is there, as statuses
REQUEST_ID = b"x-request-id"
_ID = re.compile(rb"[\x21-\x7e]{1,128}")
LONGEST = 500  # of a message to a caller


class Request(msgspec.Struct, eq=False):  # made several times faster than a dataclass
    """One whole HTTP request. `headers` has lower-case names; `path` is as sent, without the query.

    `gone` is set when nobody waits for the answer any more: to GONE when the client left, to LATE when it was told that
    the time is over. `caller` is the address it came from, `received` when its turn came, by the clock `monotonic`, as
    is `deadline`, behind which the short way takes none.
    `id` is the caller's own or one made for it, and empty where nobody needs one.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes
    keep_alive: bool = True
    old: bool = False  # HTTP/1.0, which must be told that the connection stays
    gone: int = 0
    caller: str = ""
    received: float = 0.0
    deadline: float = inf
    id: bytes = b""
    call: Any = None  # how it is noted, where it is
    way: "Way | None" = None  # a shorter one than the handler's, to be tried first
    lane: Any = None  # the release that is to answer, where the short way has picked one
    json: int = 0  # of a body that was made of another, so many bytes are JSON, and binary tensors follow


class Response(msgspec.Struct, eq=False):
    """`headers` are whole lines, each ending in CRLF, made once when a model is loaded.

    `bare`: only the head is sent, as HEAD demands.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: bytes = b""
    close: bool = False
    bare: bool = False
    logged: bytes | None = None  # the same as the log reads it, where the body is something else
    logged_head: int = 0  # of that so many bytes are JSON, and binary tensors follow

    def head(self, length: int, more: bytes, *, close: bool, old: bool) -> bytes:
        """Everything before a body of `length` bytes; `more` are further lines, `old` is for a caller of HTTP/1.0."""
        kind = _JSON
        if self.content_type is not JSON or not length:
            kind = b"Content-Type: %b\r\n" % self.content_type if length else b""
        last = _CLOSE if close else _KEEP if old else b"\r\n"
        return b"%b%bContent-Length: %d\r\n%b%b%b" % (_STATUS[self.status], kind, length, more, self.headers, last)


def named(headers: Mapping[bytes, bytes]) -> bytes:
    """What the caller calls its request; nothing where it does not, or not by visible ASCII."""
    id_ = headers.get(REQUEST_ID, b"")
    return id_ if _ID.fullmatch(id_) else b""


def called(request: Request) -> bytes:
    """What an answer calls the request: nothing where nobody named it."""
    return request.id or (named(request.headers) if REQUEST_ID in request.headers else b"")


def id_line(id_: bytes) -> bytes:
    """The header line by which an answer says whose it is; nothing of no id."""
    return b"X-Request-Id: %b\r\n" % id_ if id_ else b""


class Sender(Protocol):
    """Who waits for an answer, seen from the short way."""

    def said(self, request: Request, body: bytes, headers: bytes) -> None:
        """Send a good answer in JSON. The request's id is told, too."""

    def long_way(self, request: Request) -> None:
        """Give the request to the handler, as if it had never been on the short way."""


Way = Callable[[Request, Sender], bool]  # takes a request, or leaves it for the long way; never raises
Reply = Callable[[Response], None]
Handler = Callable[[Request, Reply], None]


class Problem(Exception):
    """Why a request is refused: an HTTP status and one line for the caller, without anything internal."""

    def __init__(self, status: int, message: str, headers: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.message = message if len(message) <= LONGEST else message[:LONGEST] + " …"
        self.headers = headers

    def response(self, *, close: bool = False) -> Response:
        """The answer, always `{"error": "…"}`."""
        return Response(self.status, orjson.dumps({"error": _sayable(self.message)}), headers=self.headers, close=close)


def come_again(most: int = 30) -> bytes:
    """A header line that says after how many seconds, at most so many: not all of them at the same moment."""
    return b"Retry-After: %d\r\n" % randint(1, most)  # noqa: S311 - no secret


def json_response(value: Any, status: int = 200, headers: bytes = b"") -> Response:
    """Strict JSON: numpy arrays and numbers are written in their shortest exact form.

    The caller has made sure that no NaN or Infinity is in it: JSON cannot say them and orjson would write null.
    """
    return Response(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), headers=headers)


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
