"""What travels between the socket and the models: requests, responses and problems."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

JSON = b"application/json"
LONGEST = 500  # of a message to a caller


@dataclass(slots=True)
class Request:
    """One whole HTTP request. `headers` has lower-case names; `path` is as sent, without the query.

    `gone` is set when nobody waits for the answer any more: the client left, or the time for it is over. `caller` is
    the address it came from, `received` when its turn came, by the clock `monotonic`.
    """

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    body: bytes
    keep_alive: bool = True
    old: bool = False  # HTTP/1.0, which must be told that the connection stays
    gone: bool = False
    caller: str = ""
    received: float = 0.0


@dataclass(slots=True)
class Response:
    """`headers` are whole lines, each ending in CRLF, made once when a model is loaded.

    `bare`: only the head is sent, as HEAD demands.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: bytes = b""
    close: bool = False
    bare: bool = False


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


def json_response(value: Any, status: int = 200, headers: bytes = b"") -> Response:
    """Strict JSON: numpy arrays and numbers are written in their shortest exact form.

    The caller has made sure that no NaN or Infinity is in it: JSON cannot say them and orjson would write null.
    """
    return Response(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY), headers=headers)


def _sayable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
