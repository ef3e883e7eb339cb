"""A site elsewhere, with the verbs of one here: `arkwright.connect(url)`."""

import inspect
import json
import os
import re
import time
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import pyarrow as pa
import urllib3

from arkwright import display
from arkwright.api.jobs.jobs import Job, Told
from arkwright.api.verbs import VERBS, Verb
from arkwright.core import shapes
from arkwright.core.bounds import LARGEST
from arkwright.core.errors import BY_NAME, ArkwrightError, Invalid, Throttled, Unproven, did_you_mean
from arkwright.core.nouns import Endpoint
from arkwright.core.record import split_reference
from arkwright.core.words import bound, checked
from arkwright.rest import given

TOKEN = "ARKWRIGHT_TOKEN"  # noqa: S105 - the variable's name
CONNECT, READ, SILENT = 5.0, 300.0, 45.0  # seconds: to connect; for an answer; without a sign of life from a job
PAUSES = (0.1, 0.5, 2.0, 5.0)  # seconds before it is tried again
ARROW, JSON, SSE = "application/vnd.apache.arrow.stream", "application/json", "text/event-stream"
SAY = "say"
_LINK = re.compile(r'<([^>]+)>; rel="next"')
_BY_STATUS = {kind.status: kind for kind in reversed(BY_NAME.values()) if kind.status != ArkwrightError.status}
_BY_STATUS[400] = Invalid
Say = Callable[[str], None]

display.attach()


@checked
def connect(url: str, *, token: str | None = None) -> "Remote":
    """The site whose control room is at `url`. `token`: whose rights it works with (default: $ARKWRIGHT_TOKEN).

    Raises Unproven without a token; Invalid for an address that is none, or where the token would travel unencrypted.
    """
    secret = token if token is not None else os.environ.get(TOKEN, "")
    if not re.fullmatch(r"[!-~]+", secret):
        raise Unproven(f"a token is needed: make one (arkwright token), then export {TOKEN}=…, or give token=")
    return Remote(_Link(_checked(url), secret))


class Remote:
    """A site elsewhere. Every verb that has a route is a method, with the keywords and the answer that it has here.

    What takes long runs there, and is waited for; `say` hears of its progress.
    """

    def __init__(self, link: "_Link") -> None:
        self._link = link

    def __repr__(self) -> str:
        return f"<arkwright at {self._link.base}>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_NAMES]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _NAMES:
            why = f": {VERBS[name].here}" if name in VERBS else did_you_mean(name, _NAMES)
            raise AttributeError(f"there is no {name!r} at a site elsewhere{why}")
        return _method(self, _NAMES[name], VERBS[_NAMES[name]])

    @checked
    def predict(self, *, endpoint: str, rows: Any) -> Any:
        """What an endpoint answers now to a row or a list of rows: as objects, or as JSON in bytes.

        Raises Invalid, Unknown, and Refused while it is stopped.
        """
        name, version = split_reference(endpoint, Endpoint.KIND)
        if version is not None:
            raise Invalid(f"elsewhere an endpoint answers as it stands now: {name}, without its version")
        body = rows if isinstance(rows, bytes) else json.dumps(rows, default=str).encode()
        headers = {"Content-Type": JSON, "X-Request-Id": uuid.uuid4().hex}
        return json.loads(self._link.ask("POST", f"/endpoints/{name}/predict", body, headers).data)

    def begin(self, verb: str, **words: Any) -> Job:
        """Have something that takes long done there, and do not wait for it."""
        if verb not in _NAMES.values() or not VERBS[verb].job:
            long = [name for name in _NAMES.values() if VERBS[name].job]
            raise Invalid(f"{verb[:40]!r} does not take long, so just say it{did_you_mean(verb, long)}")
        taken = bound(verb, _signature(VERBS[verb]), (), words)
        return typing.cast(Job, shapes.decode(Job, self._link.act(f"/api/{verb}", taken)))

    def jobs(self) -> tuple[Job, ...]:
        """What was begun there, the newest first."""
        return typing.cast(tuple[Job, ...], shapes.decode(tuple[Job, ...], self._link.all_of("/api/jobs")))

    @checked
    def job(self, id: str) -> Job:  # noqa: A002 - what it is called everywhere
        """Raises Unknown."""
        return typing.cast(Job, shapes.decode(Job, self._link.look(_place(id))))

    @checked
    def stop_job(self, id: str) -> Job:  # noqa: A002
        """Call it off. Raises Refused for one that is over."""
        return typing.cast(Job, shapes.decode(Job, self._link.act(f"{_place(id)}/stop", {})))

    @checked
    def result(self, job: Job, *, say: Say | None = None, log: Say | None = None) -> Any:
        """What came of it, waited for. `say` hears of its progress, `log` what the project's code prints.

        Raises what the verb raised. Ctrl-C calls it off there.
        """
        hears: dict[str, Say | None] = {SAY: say, "log": log}
        try:
            for told in self._events(job.id):
                if hear := hears.get(told.kind):
                    hear(told.text)
        except KeyboardInterrupt:
            with suppress(ArkwrightError):
                self.stop_job(job.id)
            raise
        return _read(job.verb, VERBS[job.verb], self._link.look(f"{_place(job.id)}/answer"))

    def _events(self, id: str) -> Iterator[Told]:  # noqa: A002
        """Everything that happens in it, once each, until its end; a connection that breaks is made anew."""
        last, failed = 0, 0
        while True:
            try:
                for told in self._link.events(f"{_place(id)}/events", last):
                    last, failed = told.id, 0
                    if told.kind == "end":
                        return
                    yield told
                time.sleep(PAUSES[0])  # the server ends, or something on the way has enough of it
            except Throttled as error:
                time.sleep(min(error.after, PAUSES[-1]))
            except _Broken:
                if failed == len(PAUSES):
                    raise
                time.sleep(PAUSES[failed])
                failed += 1


class _Broken(ArkwrightError):
    """The connection."""


class _Link:
    """Requests to one control room. Redirects are not followed: the token is for this address alone."""

    def __init__(self, base: str, token: str) -> None:
        self.base = base
        self._given = {"Authorization": f"Bearer {token}", "User-Agent": f"arkwright/{version('arkwright')}"}
        self._http = urllib3.PoolManager(maxsize=8, retries=False, cert_reqs="CERT_REQUIRED")

    def look(self, path: str, words: Mapping[str, Any] | None = None) -> Any:
        return self._json(self.ask("GET", path + _query(words or {})))

    def all_of(self, path: str, words: Mapping[str, Any] | None = None) -> list[Any]:
        """Every page of a list, one behind the other."""
        found: list[Any] = []
        following: str | None = path + _query({**(words or {}), "limit": given.MOST_LIMIT})
        while following:
            answer = self.ask("GET", following)
            found += self._json(answer)
            link = _LINK.search(answer.headers.get("Link", ""))
            following = link[1] if link else None
        return found

    def act(self, path: str, words: Mapping[str, Any]) -> Any:
        """Done once, however often it has to be asked until the answer arrives."""
        body = msgspec.json.encode(shapes.encode({name: value for name, value in words.items() if value is not None}))
        return self._json(self.ask("POST", path, body, {"Content-Type": JSON, "Idempotency-Key": uuid.uuid4().hex}))

    def table(self, path: str, words: Mapping[str, Any]) -> pa.Table:
        answer = self.ask("GET", path + _query(words), headers={"Accept": ARROW})
        return pa.ipc.open_stream(answer.data).read_all()

    def events(self, path: str, last: int) -> Iterator[Told]:
        """Those behind `last`, as they come, until the stream ends. Raises _Broken."""
        headers = {"Accept": SSE, "Last-Event-ID": str(last)}
        answer = self.ask("GET", path, headers=headers, stream=True)
        try:
            for line in _lines(answer):
                if line.startswith(b"data: "):
                    yield msgspec.json.decode(line[6:], type=Told)
        except urllib3.exceptions.HTTPError as error:
            raise _Broken(f"{self.base} does not answer any more: {_why(error)}") from None
        finally:
            answer.close()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """An answer that is good. Raises what the other side says; ArkwrightError where it cannot be reached."""
        timeout = urllib3.Timeout(connect=CONNECT, read=SILENT if stream else READ)
        for pause in (*PAUSES, None):
            try:
                answer = self._http.request(
                    method,
                    self.base + path,
                    body=body,
                    headers={**self._given, **(headers or {})},
                    redirect=False,
                    preload_content=not stream,
                    timeout=timeout,
                )
            except urllib3.exceptions.SSLError as error:
                raise ArkwrightError(f"{self.base} does not prove that it is itself: {_why(error)}") from None
            except urllib3.exceptions.HTTPError as error:
                if pause is None:
                    raise _Broken(f"{self.base} does not answer: {_why(error)}") from None
            else:
                again = answer.status == 502 or (answer.status == 503 and "Retry-After" in answer.headers)
                if pause is None or not again:
                    return self._good(answer)
                answer.drain_conn()
            time.sleep(pause)
        raise AssertionError

    def _good(self, answer: urllib3.BaseHTTPResponse) -> urllib3.BaseHTTPResponse:
        if 200 <= answer.status < 300:
            return answer
        if 300 <= answer.status < 400:
            answer.close()
            raise ArkwrightError(
                f"{self.base} sends elsewhere, and the token goes nowhere else: connect to where it is"
            )
        raise _error(answer)

    def _json(self, answer: urllib3.BaseHTTPResponse) -> Any:
        try:
            return msgspec.json.decode(answer.data)
        except msgspec.DecodeError:
            raise ArkwrightError(f"{self.base} is no control room: it answers no JSON") from None


def _error(answer: urllib3.BaseHTTPResponse) -> ArkwrightError:
    """What the other side raised."""
    told: Any = None
    with suppress(msgspec.DecodeError):
        told = msgspec.json.decode(answer.data)
    told = told if isinstance(told, dict) else {}
    kind = BY_NAME.get(str(told.get("title"))) or _BY_STATUS.get(answer.status, ArkwrightError)
    text = str(told.get("detail") or f"the control room answers {answer.status} {_phrase(answer.status)}")
    if kind is Throttled:
        after = answer.headers.get("Retry-After", "")
        return Throttled(text, int(after) if after.isdecimal() else 60)
    return kind(text)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _method(remote: Remote, name: str, verb: Verb) -> Callable[..., Any]:
    """A verb as a method."""
    words, signature = given.words_of(verb), _signature(verb)

    def method(*args: Any, **keywords: Any) -> Any:
        taken = bound(name, signature, args, keywords)
        say = taken.pop(SAY, None)
        path, link = f"/api/{name}", remote._link  # noqa: SLF001 - it is ours
        if verb.job:
            return remote.result(remote.begin(name, **taken), say=say)
        if verb.acts:
            return _read(name, verb, link.act(path, taken))
        if verb.saving:
            if taken.get("limit", 0) is None:  # all of them, which a query cannot say
                taken["limit"] = LARGEST
            return link.table(path, taken)
        return _read(name, verb, link.all_of(path, taken) if words.pages else link.look(path, taken))

    method.__name__, method.__qualname__, method.__doc__ = name, f"Remote.{name}", verb.function.__doc__
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


def _signature(verb: Verb) -> inspect.Signature:
    """Of the verb as a method elsewhere."""
    signature = inspect.signature(verb.function)
    own = [one for word, one in signature.parameters.items() if word not in given.ALWAYS or word == SAY]
    if verb.as_role:
        own.append(inspect.Parameter("role", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=str | None))
    return signature.replace(parameters=own)


def _read(name: str, verb: Verb, data: Any) -> Any:
    """The noun again."""
    try:
        return shapes.decode(typing.get_type_hints(verb.function)["return"], data)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ArkwrightError(
            f"the control room answers {name} in a way that Arkwright {version('arkwright')} does not know; "
            "install the version that it has"
        ) from None


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or parts.username is not None or parts.query or parts.fragment:
        raise Invalid(f"{url[:80]!r} is no address of a control room, such as https://arkwright.example")
    if parts.path.strip("/"):
        raise Invalid(f"give the address alone, without {parts.path[:80]!r}")
    if parts.scheme == "http" and not _is_here(host):
        raise Invalid(f"anybody on the way to {host} could read the token; use https://")
    return f"{parts.scheme}://{parts.netloc}"


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _place(id: str) -> str:  # noqa: A002
    return f"/api/jobs/{quote(id, safe='')}"


def _query(words: Mapping[str, Any]) -> str:
    pairs = [
        (name, given.plain(one))
        for name, value in words.items()
        if value is not None
        for one in (value if isinstance(value, list | tuple | set | frozenset) else (value,))
    ]
    return f"?{urlencode(pairs)}" if pairs else ""


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for piece in answer.stream(1 << 16):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _why(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)[:200]


_NAMES = {name.replace("-", "_"): name for name, verb in VERBS.items() if not verb.here}
