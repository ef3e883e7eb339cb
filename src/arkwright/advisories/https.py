"""A question over HTTPS: what comes is bounded, in bytes and in time, no redirect is followed, no proxy asked.

Whoever watches waits for the answer. So who gives none is not asked again for a while, by this process.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

import urllib3

from arkwright.core.errors import ArkwrightError, Invalid

_PATIENCE = urllib3.Timeout(connect=10, read=30)  # seconds without a byte
_WHOLE_S = 120.0  # for an answer; osv.dev's export of PyPI has some 20 MB
_REST_S = 300.0
_TRIES = urllib3.Retry(
    3, read=1, redirect=False, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), allowed_methods=None,
    raise_on_status=False,
)  # fmt: skip
_BLOCK = 1 << 18
_silent: dict[str, tuple[float, str]] = {}  # who gave no answer: until when nobody is asked there, and why


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


@contextmanager
def asked(
    method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Iterator[urllib3.BaseHTTPResponse]:
    until, why = _silent.get(shown(url), (0.0, ""))
    if time.monotonic() < until:
        raise ArkwrightError(why)
    given = {"User-Agent": "arkwright", "Accept-Encoding": "identity", **(headers or {})}
    with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=_PATIENCE, retries=_TRIES) as http:
        try:
            answer = http.request(method, url, headers=given, body=body, preload_content=False, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _unanswered(url, f"cannot be reached: {type(error).__name__}") from None
        try:
            yield answer
        finally:
            answer.close()


def blocks(url: str, answer: urllib3.BaseHTTPResponse, most: int) -> Iterator[bytes]:
    size, cut = 0, threading.Event()
    over = threading.Timer(_WHOLE_S, _cut, (answer, cut))
    over.daemon = True
    over.start()
    try:
        for block in answer.stream(_BLOCK, decode_content=False):
            size += len(block)
            if size > most:
                raise ArkwrightError(f"{shown(url)} gives more than {most >> 20} MiB; look at its source in site.toml")
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as error:
        if not cut.is_set():
            raise _unanswered(url, f"broke off: {type(error).__name__}") from None
    finally:
        over.cancel()
    if cut.is_set():  # what was cut may read as an end
        raise _unanswered(url, f"took too long: more than {_WHOLE_S:.0f} s")


def _cut(answer: urllib3.BaseHTTPResponse, cut: threading.Event) -> None:
    cut.set()
    with suppress(OSError, RuntimeError, ValueError):  # it is over already
        answer.shutdown()


def _unanswered(url: str, why: str) -> ArkwrightError:
    said = f"{shown(url)} {why}; it is asked the next time"
    _silent[shown(url)] = (time.monotonic() + _REST_S, said)
    return ArkwrightError(said)


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    return urlsplit(url).netloc[:100]
