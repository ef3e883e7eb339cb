"""The model repository extension of the Open Inference Protocol: what is there, load, unload. Off by default."""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from arkwright.core.record import NAME
from arkwright.core.visible import visible
from arkwright.serve.model.tensors import said
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Problem, Reply, Request, Response, json_response

log = logging.getLogger("arkwright.serve")
T = TypeVar("T")
PREFIX = "/v2/repository/"
Told = Callable[[str | None], None]  # why not, or None when it is done
Ask = Callable[[str, str, Told], None]  # verb, endpoint, whom to tell


class _Index(msgspec.Struct, forbid_unknown_fields=True):
    ready: bool = False


class _Parameters(msgspec.Struct, forbid_unknown_fields=True):
    """One that is not known and passed over would be thought obeyed. Nothing here has dependents."""

    unload_dependents: bool = False


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    parameters: _Parameters = msgspec.field(default_factory=_Parameters)


class Repository:
    """Answers for the repository. `ask` has all workers load or unload; None when the repository is off."""

    def __init__(self, ask: Ask | None) -> None:
        self._ask = ask
        self.unloaded: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        return self._ask is not None

    def answer(self, request: Request, routes: Mapping[str, Route], reply: Reply) -> None:
        """Raises Problem: 403 when it is off, 404, 405; 400 is told when a model cannot be loaded."""
        if not self.on:
            log.warning("%s was refused to %s: the repository is off", visible(request.path[:80]), request.caller)
        self.must_be_on()
        match request.path.removeprefix(PREFIX).split("/"):
            case ["index"]:
                _must_post(request)
                asked = _read(request, _Index)
                reply(json_response([one for one in self.index(routes) if not asked.ready or one["state"] == "READY"]))
            case ["models", name, "load" | "unload" as verb] if NAME.fullmatch(name):
                _must_post(request)
                _read(request, _Move)
                log.info("%s of %s is asked for by %s", verb, name, request.caller or "a caller")
                self.move(verb, name, partial(_done, reply))
            case _:
                raise Problem(404, f"the repository answers {PREFIX}index and {PREFIX}models/NAME/load and /unload")

    def must_be_on(self) -> None:
        """Raises Problem (403) when it is off."""
        if self._ask is None:
            raise Problem(403, "the model repository is off; start with: arkwright serve --repository")

    def move(self, verb: str, name: str, told: Told) -> None:
        """Have all workers `load` or `unload` an endpoint. Raises Problem (403) when the repository is off."""
        self.must_be_on()
        assert self._ask
        self._ask(verb, name, told)

    def index(self, routes: Mapping[str, Route]) -> list[dict[str, Any]]:
        """Every release of every endpoint, and what is unloaded."""
        ready = [
            {"name": route.name, "version": lane.loaded.version, "state": "READY", "reason": ""}
            for route in routes.values()
            for lane in route.lanes
        ]
        return ready + [{"name": n, "state": "UNAVAILABLE", "reason": "unloaded"} for n in self.unloaded]


def _read(request: Request, kind: type[T]) -> T:
    """What the body says; no body says nothing. Raises Problem: 415, or 400."""
    if not request.body:
        return kind()
    sent = request.headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
    if sent != b"application/json" or b"content-encoding" in request.headers:
        raise Problem(415, "send JSON as it is, with the header Content-Type: application/json")
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"the repository cannot do that: {said(error)}") from None


def _must_post(request: Request) -> None:
    if request.method != "POST":
        raise Problem(405, f"{request.path} answers POST", b"Allow: POST\r\n")


def _done(reply: Reply, why_not: str | None) -> None:
    reply(Problem(400, why_not).response() if why_not else Response(200, b""))
