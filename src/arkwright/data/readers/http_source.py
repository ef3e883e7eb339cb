"""Files at an address: fetched whole into a spool folder, never more than 20 GiB, then read like any other."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from arkwright.core.durable import writing
from arkwright.core.errors import ArkwrightError, Invalid, Unknown
from arkwright.core.record import digest_of

MOST = 20 << 30
_SECONDS = 60.0  # without a byte
_CHUNK = 1 << 20


def what(url: str) -> str:
    """How messages call it: without a password and without a query, which may hold a token."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def name(url: str) -> str:
    """The file's name: the last part of the path."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def download(url: str, spool: Path) -> Path:
    """Fetch into the folder `spool`. Raises Unknown when it is not there, ArkwrightError when the server is not."""
    path = spool / (PurePosixPath(name(url)).name or "download")
    with _open(url, "GET") as answer, writing(str(path)), path.open("wb") as file:
        promised = answer.headers.get("Content-Length")
        if promised and int(promised) > MOST:
            raise Invalid(f"{what(url)} has {int(promised):,} bytes; at most {MOST:,} are fetched")
        size = 0
        while data := _read(answer, url):
            size += len(data)
            if size > MOST:
                raise Invalid(f"{what(url)} has more than {MOST:,} bytes, which is the most that is fetched")
            file.write(data)
    if promised and size != int(promised):
        raise ArkwrightError(f"{what(url)} broke off after {size:,} of {int(promised):,} bytes; run it again")
    return path


def fingerprint(url: str) -> str | None:
    """A digest of what the server says about its version, or None when it says nothing."""
    try:
        with _open(url, "HEAD") as answer:
            said = answer.headers
    except ArkwrightError:  # not every server knows HEAD; whether this one is there shows when it is read
        return None
    if said.get("ETag"):
        return digest_of([name(url), said["ETag"]])
    if said.get("Last-Modified"):
        return digest_of([name(url), said["Last-Modified"], said.get("Content-Length")])
    return None


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Redirects lead to http and https only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in ("http", "https"):
            fp.close()
            raise Invalid(f"{what(req.full_url)} leads to {newurl[:80]!r}, which is not http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, method: str) -> Any:
    if "@" in urlsplit(url).netloc:
        raise Invalid(f"{what(url)}: an address with a user or a password in it is not read; leave them out")
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "arkwright", "Accept": "*/*"})  # noqa: S310 - http(s) only, see sources
    try:
        return urllib.request.build_opener(_WebOnly).open(request, timeout=_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise Unknown(f"there is nothing at {what(url)} ({error.code})") from None
        raise ArkwrightError(f"{what(url)} answers {error.code} {error.reason}") from None
    except (urllib.error.URLError, OSError, http.client.HTTPException, ValueError) as error:
        raise ArkwrightError(f"{what(url)} cannot be reached: {getattr(error, 'reason', error)}") from None


def _read(answer: Any, url: str) -> bytes:
    try:
        data: bytes = answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise ArkwrightError(f"{what(url)} broke off: {error or type(error).__name__}; run it again") from None
    return data
