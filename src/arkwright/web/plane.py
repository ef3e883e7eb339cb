"""Asks the server of the endpoints over its socket, for a page that shows the answer, or to know that they answer."""

import http.client
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from arkwright.core.errors import Refused

PATIENCE, MOST = 30.0, 1 << 24  # seconds; bytes of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection(http.client.HTTPConnection):
    """HTTP over a socket that is a file."""

    def __init__(self, path: str, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(
    path: str | None,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    patience: float = PATIENCE,
) -> Answer:
    """One question. Raises Refused where nobody answers within so many seconds."""
    if path is None:
        raise Refused("no endpoints are served by this control room")
    connection = _Connection(path, patience)
    try:
        connection.request(method, target, body, headers or {})
        found = connection.getresponse()
        return Answer(found.status, {name.lower(): text for name, text in found.getheaders()}, found.read(MOST))
    except (OSError, http.client.HTTPException):
        raise Refused("the server of the endpoints does not answer just now; try again in a moment") from None
    finally:
        connection.close()
