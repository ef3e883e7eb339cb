"""An MLflow server elsewhere, asked over HTTP. Nothing but what was asked for is fetched, and from nowhere else."""

import os
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urlsplit

import msgspec
import urllib3

from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unproven

TOKEN, USER, PASSWORD = "MLFLOW_SOURCE_TOKEN", "MLFLOW_SOURCE_USERNAME", "MLFLOW_SOURCE_PASSWORD"
PATIENCE = urllib3.Timeout(connect=10, read=120)
PAUSES = (0.5, 2.0, 5.0)  # seconds before it is asked again
AGAIN = (429, 502, 503, 504)
MOST = 256 << 20  # bytes of one answer that is no file
BLOCK = 1 << 16
AT_ONCE = 8  # requests
_PORTS = {"http": 80, "https": 443}
T = TypeVar("T")


class NotGiven(ArkwrightError):
    """The server answers, but does not give this one thing."""


class NotThere(NotGiven):
    """The server knows no such thing: it may be older than what is asked for."""


class Server:
    """The server at `url`. No redirect is followed and no proxy asked: what proves who asks goes to this address only.

    That is $MLFLOW_SOURCE_TOKEN, or $MLFLOW_SOURCE_USERNAME and $MLFLOW_SOURCE_PASSWORD. Not the variables of MLflow's
    clients: those may hold what opens another server. Raises Invalid for an address that is none, or where it would
    travel unencrypted.
    """

    def __init__(self, url: str, secrets: Mapping[str, str] = os.environ) -> None:
        self.origin, proof = address(url), _proof(secrets)
        if proof and not _private(self.origin):
            raise Invalid(f"what proves who asks would travel unencrypted to {self.origin}: take https:// or a tunnel")
        self._headers = {"Accept-Encoding": "identity", "User-Agent": "arkwright", **proof}
        self._http = urllib3.PoolManager(maxsize=AT_ONCE, retries=False, cert_reqs="CERT_REQUIRED", timeout=PATIENCE)

    def close(self) -> None:
        self._http.clear()

    def get(self, path: str, kind: type[T], /, **query: Any) -> T:
        """Raises NotGiven, and as `ask`."""
        return self._told(kind, self._ask("GET", f"{path}?{urlencode(query, doseq=True)}"), path)

    def post(self, path: str, kind: type[T], value: Mapping[str, Any]) -> T:
        """For a search, which changes nothing. Raises NotGiven, and as `ask`."""
        return self._told(kind, self._ask("POST", path, msgspec.json.encode(value)), path)

    @contextmanager
    def file(self, path: str) -> Iterator[Iterator[bytes]]:
        """The blocks of a file. Raises NotGiven, and as `ask`, also while they come."""
        answer = self._ask("GET", path)
        try:
            yield self._blocks(answer)
        finally:
            answer.close()

    def _told(self, kind: type[T], answer: urllib3.BaseHTTPResponse, path: str) -> T:
        body = bytearray()
        for block in self._blocks(answer):
            body += block
            if len(body) > MOST:
                answer.close()
                raise NotGiven(f"{self.origin} answers more than {MOST >> 20} MB to {path}")
        try:
            return msgspec.json.decode(bytes(body), type=kind, strict=False)
        except (msgspec.DecodeError, RecursionError):
            raise NotGiven(f"{self.origin} answers {path} as no MLflow does") from None

    def _blocks(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        try:
            yield from answer.stream(BLOCK, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ArkwrightError(f"{self.origin} broke off: {_why(error)}; say it again to go on") from None

    def _ask(self, method: str, path: str, body: bytes | None = None) -> urllib3.BaseHTTPResponse:
        """A good answer. Raises NotGiven, Refused, Unproven; ArkwrightError where it cannot be reached."""
        headers = self._headers if body is None else self._headers | {"Content-Type": "application/json"}
        for pause in (*PAUSES, None):
            try:
                answer = self._http.request(
                    method, self.origin + path, body=body, headers=headers, redirect=False, preload_content=False
                )
            except urllib3.exceptions.SSLError as error:
                raise ArkwrightError(f"{self.origin} does not prove that it is itself: {_why(error)}") from None
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if pause is None:
                    raise ArkwrightError(f"{self.origin} cannot be reached: {_why(error)}") from None
            else:
                if pause is None or answer.status not in AGAIN:
                    return self._good(answer, path)
                answer.close()
            time.sleep(pause)
        raise AssertionError

    def _good(self, answer: urllib3.BaseHTTPResponse, path: str) -> urllib3.BaseHTTPResponse:
        if 200 <= answer.status < 300:
            return answer
        where, shown = answer.headers.get("Location", ""), path.partition("?")[0][:200]
        answer.close()
        if 300 <= answer.status < 400:
            said = f"{self.origin} sends elsewhere ({where[:200]!r}), which is not followed"
            raise Refused(f"{said}; name that address if you trust it")
        if answer.status == 401:
            raise Unproven(f"{self.origin} asks who you are: export {TOKEN}=…, or {USER} and {PASSWORD}")
        if answer.status == 403:
            raise NotGiven(f"{self.origin} does not let you see {shown}")
        kind = NotThere if answer.status in (404, 405) else NotGiven
        raise kind(f"{self.origin} answered {answer.status} to {shown}")


def address(url: str) -> str:
    """As it is written here: no slash at the end. Raises Invalid."""
    if "@" in url:
        raise Invalid(f"an address with a user or a password in it is not taken: export {USER} and {PASSWORD}")
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    plain = url.isascii() and url.isprintable() and not set(url) & set(" ?#\\")
    if not plain or not host or parts.scheme not in _PORTS:
        raise Invalid(f"{url[:80]!r} is no address of an MLflow server; such as http://127.0.0.1:5000")
    shown = f"[{host}]" if ":" in host else host
    if port not in (None, _PORTS[parts.scheme]):
        shown += f":{port}"
    return f"{parts.scheme}://{shown}{parts.path.rstrip('/')}"


def _private(origin: str) -> bool:
    """Whether nobody on the way reads what is sent there."""
    parts = urlsplit(origin)
    try:
        here = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        here = False
    return parts.scheme == "https" or here


def escaped(path: str) -> str:
    """A file's name as a part of an address."""
    return quote(path, safe="/")


def _proof(secrets: Mapping[str, str]) -> dict[str, str]:
    """Raises Invalid for half of a name and password."""
    if token := secrets.get(TOKEN):
        return {"Authorization": f"Bearer {_plain(TOKEN, token)}"}
    user, password = secrets.get(USER), secrets.get(PASSWORD)
    if bool(user) != bool(password):
        raise Invalid(f"{USER} and {PASSWORD} go together: one of them is missing")
    if not user:
        return {}
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def _plain(name: str, text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise Invalid(f"{name} holds what is no token: a line's end, or letters that no token has")
    return text


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(reason).rpartition(": ")[2][:200]
