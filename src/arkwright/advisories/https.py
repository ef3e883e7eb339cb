"""A question over HTTPS: what comes is bounded, no redirect is followed, no proxy asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import urllib3

from arkwright.core.errors import ArkwrightError, Invalid

_PATIENCE = urllib3.Timeout(connect=10, read=60)
_TRIES = urllib3.Retry(
    3, redirect=False, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), allowed_methods=None,
    raise_on_status=False,
)  # fmt: skip
_BLOCK = 1 << 18


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
    given = {"User-Agent": "arkwright", "Accept-Encoding": "identity", **(headers or {})}
    with urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=_PATIENCE, retries=_TRIES) as http:
        try:
            answer = http.request(method, url, headers=given, body=body, preload_content=False, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ArkwrightError(
                f"{shown(url)} cannot be reached: {type(error).__name__}; it is asked the next time"
            ) from None
        try:
            yield answer
        finally:
            answer.close()


def blocks(url: str, answer: urllib3.BaseHTTPResponse, most: int) -> Iterator[bytes]:
    size = 0
    try:
        for block in answer.stream(_BLOCK, decode_content=False):
            size += len(block)
            if size > most:
                raise ArkwrightError(f"{shown(url)} gives more than {most >> 20} MiB; look at its source in site.toml")
            yield block
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise ArkwrightError(f"{shown(url)} broke off: {type(error).__name__}; it is asked the next time") from None


def _here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def shown(url: str) -> str:
    return urlsplit(url).netloc[:100]
