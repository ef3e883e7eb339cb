"""Paths to answers. Every path is known when the server starts, so a request costs one dictionary look-up."""

import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

import orjson

from arkwright.core.errors import did_you_mean
from arkwright.core.record import NAME
from arkwright.serve import oip, openapi
from arkwright.serve.batch import Batcher, log
from arkwright.serve.inflate import decoded_body
from arkwright.serve.loaded import Loaded
from arkwright.serve.messages import JSON, Problem, Reply, Request, Response, json_response
from arkwright.serve.predict import predict, reader

Act = Callable[[Request, bytes, Reply], None]
_OCTETS = b"application/octet-stream"
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_HTML_HEADERS = (
    b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n"
    b"Vary: Accept\r\n"
)


class App:
    """Answers requests for the loaded endpoints. `stopping` turns readiness off."""

    def __init__(self, loaded: Sequence[Loaded], body_limit: int) -> None:
        self.loaded = {one.endpoint: one for one in loaded}
        self.stopping = False
        self._body_limit = body_limit
        self._gets: dict[str, Callable[[Request], Response]] = {}
        self._posts: dict[str, tuple[Act, tuple[bytes, ...]]] = {}
        self._batchers = [self._add(one) for one in loaded]
        if len(loaded) == 1:
            self._posts["/predict"] = self._posts[f"/endpoints/{loaded[0].endpoint}/predict"]
        self._add_server(loaded)

    def close(self) -> None:
        for batcher in self._batchers:
            batcher.close()

    def __call__(self, request: Request, reply: Reply) -> None:
        """Answer now or later, always once. Never raises."""
        try:
            self._answer(request, reply)
        except Problem as problem:
            reply(problem.response())
        except Exception:  # noqa: BLE001
            log.exception("a request failed")
            reply(Problem(500, "the server failed on this request; its log says why").response())

    def _answer(self, request: Request, reply: Reply) -> None:
        method, path = request.method, request.path
        if method == "POST" and (found := self._posts.get(path)):
            act, kinds = found
            _check_type(request, kinds)
            act(request, decoded_body(request, self._body_limit), reply)
            return
        allowed = self._allowed(path)
        if method in ("GET", "HEAD") and path in self._gets:
            reply(self._gets[path](request))
        elif not allowed:
            raise self._nothing(path)
        elif method == "OPTIONS":
            reply(Response(200, b"", headers=f"Allow: {allowed}\r\n".encode()))
        else:
            raise Problem(405, f"{path} answers {allowed}", f"Allow: {allowed}\r\n".encode())

    def _allowed(self, path: str) -> str:
        if path == "*" or path in self._gets:
            return "GET, HEAD, OPTIONS"
        return "POST, OPTIONS" if path in self._posts else ""

    def _nothing(self, path: str) -> Problem:
        """400 for a path that can name nothing, 404 with what there is for one that might."""
        parts = path.split("/")
        if parts[0] or any(part in (".", "..") or not _plain(part) for part in parts[1:]):
            return Problem(400, "this is no path of this server; see GET /")
        match parts[1:]:
            case ["v2", "models", name, *_] | ["endpoints", name, *_] if name not in self.loaded:
                if not NAME.fullmatch(name):
                    return Problem(400, "an endpoint's name has letters, digits, _ and -, at most 64")
                return Problem(404, f"no endpoint is called {name!r}{did_you_mean(name, self.loaded)}")
            case ["v2", "models", name, "versions", wanted, *_] if wanted != self.loaded[name].version:
                there = self.loaded[name].version
                return Problem(404, f"{name} has no version {wanted[:20]!r}; there is {there}")
            case ["predict"]:
                return Problem(404, f"say which endpoint: /endpoints/NAME/predict{did_you_mean('', self.loaded)}")
        return Problem(404, f"there is nothing at {path[:80]}{did_you_mean(path, [*self._gets, *self._posts])}")

    def _add(self, one: Loaded) -> Batcher:
        batcher, read = Batcher(one.graph, one.endpoint), reader(one.signature, one.graph)

        def infer(request: Request, body: bytes, reply: Reply) -> None:
            oip.infer(one, batcher, request, body, reply)

        def predict_rows(request: Request, body: bytes, reply: Reply) -> None:
            predict(one, read, batcher, request, body, reply)

        described = json_response(oip.metadata(one), headers=one.headers)
        for base in (f"/v2/models/{one.endpoint}", f"/v2/models/{one.endpoint}/versions/{one.version}"):
            self._gets[base] = lambda _: described
            self._gets[f"{base}/ready"] = lambda _, name=one.endpoint: self._ready({"name": name})  # type: ignore[misc]
            self._posts[f"{base}/infer"] = (infer, (JSON, _OCTETS))
        self._posts[f"/endpoints/{one.endpoint}/predict"] = (predict_rows, (JSON,))
        return batcher

    def _add_server(self, loaded: Sequence[Loaded]) -> None:
        about = json_response(oip.SERVER | {"version": version("arkwright")})
        live = json_response({"live": True})
        document = Response(200, orjson.dumps(openapi.document(loaded)))

        def index(request: Request) -> Response:
            sent = request.headers.get(b"host", b"").decode("latin-1")
            host = sent if _HOST.fullmatch(sent) else "HOST"
            if b"text/html" in request.headers.get(b"accept", b""):
                return Response(200, openapi.page(loaded, host).encode(), b"text/html; charset=utf-8", _HTML_HEADERS)
            return json_response(openapi.index(loaded, host))

        self._gets |= {
            "/v2": lambda _: about,
            "/v2/health/live": lambda _: live,
            "/v2/health/ready": lambda _: self._ready({}),
            "/openapi.json": lambda _: document,
            "/": index,
        }

    def _ready(self, about: dict[str, Any]) -> Response:
        return json_response(about | {"ready": not self.stopping}, 503 if self.stopping else 200)


def _plain(part: str) -> bool:
    return part.isascii() and all(c.isalnum() or c in "._-" for c in part)


def _check_type(request: Request, kinds: tuple[bytes, ...]) -> None:
    """No content type is taken as the right one: inference clients send none."""
    sent = request.headers.get(b"content-type")
    if sent is None:
        return
    kind, _, parameters = sent.lower().partition(b";")
    charset = parameters.strip().removeprefix(b"charset=").strip(b'"')
    if kind.strip() not in kinds or charset not in (b"", b"utf-8"):
        raise Problem(415, "send JSON in UTF-8, with the header Content-Type: application/json")
