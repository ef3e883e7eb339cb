"""Questions over HTTPS: what comes is bounded, in bytes and in time, no redirect is followed, no proxy asked.

Whoever watches waits for the answers. So all questions of a look end together, and who gives no answer is not asked
again for a while, by this process: a host where it gives none to anything, else the one question.
"""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from typing import Self
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from arkwright.core.errors import ArkwrightError, Invalid

_CONNECT_S, _SILENT_S = 10.0, 30.0  # the second without a byte
WHOLE_S = 120.0  # for all questions of a look, asked again or not; osv.dev's export of PyPI has some 20 MB
_REST_S = 300.0
_PAUSES = (0.0, 0.5, 1.5)  # seconds before each try, whatever a server says of when to ask again
_ASKED_TOO_MUCH = 429
_BUSY = (_ASKED_TOO_MUCH, 502, 503, 504)
_TROUBLE = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
_BLOCK = 1 << 18
_silent: dict[str, tuple[float, str]] = {}  # hosts and addresses without an answer: until when none is asked, and why
_busy: dict[str, float] = {}  # hosts that were: until when no question is asked again at once


class LeftAlone(ArkwrightError):
    """It was not asked, as it gave no answer a while ago, or others took up the time."""


def address(url: str, setting: str) -> str:
    """The address itself; `setting`: where it stands. Raises Invalid where what comes could be changed on the way, or
    it is no address.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid(f"{setting}: {url[:80]!r} is no address") from None
    if parts.username or parts.password:
        raise Invalid(f"{setting} holds a password; nobody asks for one")
    if not host or parts.scheme not in ("http", "https"):
        raise Invalid(f"{setting}: {url[:80]!r} is no address; write it like https://packages.example.org")
    if parts.scheme == "http" and not _here(host):
        raise Invalid(f"{setting}: over http:// anybody on the way can change what is known; take https://")
    return url


class Answer:
    """Its head, and its body while `asked` is entered."""

    def __init__(self, url: str, came: urllib3.BaseHTTPResponse, end: "End") -> None:
        self.status, self.headers = came.status, came.headers
        self._url, self._came, self._end = url, came, end

    def blocks(self, most: int) -> Iterator[bytes]:
        """The body. Raises ArkwrightError where it has more than `most` bytes, or does not end."""
        size = 0
        try:
            for block in self._came.stream(_BLOCK, decode_content=False):
                size += len(block)
                if size > most:
                    many = f"more than {most >> 20} MiB"
                    raise ArkwrightError(f"{shown(self._url)} gives {many}; look at its source in site.toml")
                yield block
        except _TROUBLE as error:
            if not self._end.came:
                raise _unanswered(self._url, f"broke off: {type(error).__name__}", self._url) from None
        if self._end.came:  # what was cut may read as an end
            raise _late(self._url)


@contextmanager
def asked(
    end: "End", method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Iterator[Answer]:
    """Raises ArkwrightError where nobody answers before the end, or only that it is busy; LeftAlone unasked, as where
    the end came before.
    """
    for place in (shown(url), url):
        until, why = _silent.get(place, (0.0, ""))
        if time.monotonic() < until:
            raise LeftAlone(why)
    if end.came:
        late = f"what came before took too long: more than {WHOLE_S:.0f} s"
        raise LeftAlone(f"{shown(url)} was not asked: {late}; it is asked the next time")
    given = {"User-Agent": "arkwright", "Accept-Encoding": "identity", **(headers or {})}
    with _connection(url) as connection:
        came = _came(connection, end, (method, url, body, given))
        try:
            yield Answer(url, came, end)
        finally:
            came.close()


@contextmanager
def _connection(url: str) -> Iterator[HTTPConnection]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        made: HTTPConnection = HTTPSConnection(host, parts.port, timeout=_CONNECT_S, cert_reqs="CERT_REQUIRED")
    else:
        made = HTTPConnection(host, parts.port, timeout=_CONNECT_S)
    try:
        yield made
    finally:
        made.close()


_Question = tuple[str, str, bytes | None, dict[str, str]]  # method, address, body, headers


def _came(connection: HTTPConnection, end: "End", question: _Question) -> urllib3.BaseHTTPResponse:
    method, url, body, headers = question
    host = shown(url)
    why, silent, place, was_busy = "", 0, host, time.monotonic() < _busy.get(host, 0.0)
    for pause in _PAUSES:
        time.sleep(pause)
        if end.came:
            raise _late(url)
        try:
            connection.close()
            connection.timeout = _CONNECT_S
            _connect(connection, end)
            end.cuts(connection.sock)
            connection.timeout = _SILENT_S
            connection.request(method, urllib3.util.parse_url(url).request_uri, body, headers, preload_content=False)
            came = connection.getresponse()
        except _TROUBLE as error:
            why, place = f"cannot be reached: {type(error).__name__}", host
            silent += isinstance(error, TimeoutError)  # connected, and no byte came
        else:
            if came.status not in _BUSY:
                return came
            came.close()
            why, place = f"answers {came.status}", host if came.status == _ASKED_TOO_MUCH else url
            _busy[host] = time.monotonic() + _REST_S
            if was_busy:
                break
        if end.came:
            raise _late(url)
        if silent == 2:
            break
    raise _unanswered(url, why, place)


def _connect(connection: HTTPConnection, end: "End") -> None:
    """In a thread that is left behind at the end: looking up a name has no limit, and each of its addresses one."""
    made: Future[None] = Future()

    def connect() -> None:
        try:
            connection.connect()
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits is told
            made.set_exception(error)
        else:
            made.set_result(None)

    threading.Thread(target=connect, name="connects", daemon=True).start()
    made.result(end.left())


class End:
    """Entered for a look, with all its questions and their answers. Once the time is over it `came`: nothing more is
    read.
    """

    def __init__(self) -> None:
        self._line: socket.socket | None = None
        self._at = time.monotonic() + WHOLE_S
        self._timer = threading.Timer(WHOLE_S, self._come)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    @property
    def came(self) -> bool:
        """By the clock: the thread that cuts the line may be late."""
        return not self.left()

    def left(self) -> float:
        """Seconds until it comes."""
        return max(0.0, self._at - time.monotonic())

    def cuts(self, line: socket.socket) -> None:
        """What is read from now on."""
        self._line = line
        if self.came:
            self._come()

    def _come(self) -> None:
        if self._line:
            with suppress(OSError):  # it is over already
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)  # beneath TLS, which sees a torn line


def _unanswered(url: str, why: str, place: str) -> ArkwrightError:
    """`place`: the host, or the address, that is left alone."""
    said = f"{shown(url)} {why}; it is asked the next time"
    _silent[place] = (time.monotonic() + _REST_S, said)
    return ArkwrightError(said)


def _late(url: str) -> ArkwrightError:
    return _unanswered(url, f"took too long: more than {WHOLE_S:.0f} s", shown(url))


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    return urlsplit(url).netloc[:100]
