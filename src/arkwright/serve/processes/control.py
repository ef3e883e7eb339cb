"""What a supervisor and its workers say to each other: JSON, a line each, on a socket pair."""

import struct
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from arkwright.core.ports import Routing, Served
from arkwright.serve.traffic.poison import Key
from arkwright.serve.wire.limits import Limits


class Start(msgspec.Struct):
    """How a worker begins. What INHERITED names are file descriptors, -1 for none."""

    listening: int
    passing: int  # on which connections go to the next worker at this place, if this one dies
    passed: int  # and on which they come
    loopback: bool
    gateway: bool  # whether who comes says for whom it asks
    limits: Limits
    cpu: int | None
    mirror: str  # the socket of the process where the shadows are
    shadow: bool  # whether this is that process
    repository: bool
    load_time: float  # seconds for one release
    shared: str  # the folder of all workers' counters and quotas
    worker: int  # its number among them
    host: str
    grpc_port: int | None
    access_log: str | None
    traces: str | None
    follows: str = ""  # what became of the worker before it at this place: `died` or `replaced`
    control: int = -1
    page: int = -1

    @property
    def longest_stop(self) -> float:
        """Seconds in which it ends when it is told to."""
        return self.limits.drain_delay + self.limits.drain_time + GRACE


LONGEST = 2**24  # bytes of a line
GRACE = 5.0  # seconds for a worker's end, when it has drained
PID = struct.Struct("<q")  # the number of a process, on its own wire
INHERITED = ("listening", "passing", "passed", "control", "page")


class Again(str):
    """Why not, which says nothing of the release: it is tried again."""

    __slots__ = ()


class Try(msgspec.Struct):
    """Supervisor to a process of its own, on their own wire: load this release, in so many seconds."""

    endpoint: str
    served: Served
    seconds: float


class Tried(msgspec.Struct):
    """What it says of it: why not, empty when it is loaded. `again`: as `Again`."""

    why: str
    again: bool = False


class Serve(msgspec.Struct, tag=True):
    """Supervisor to worker: serve this from now on. `lacking`: endpoints that would end this worker, or hold it up.
    `question`: what cannot be loaded stays as it was, for this may be refused; else nothing answers there.
    """

    traffic: dict[str, Routing]
    unloaded: list[str]
    lacking: list[str] = []
    question: bool = False


class Open(msgspec.Struct, tag=True):
    """Supervisor to worker: listen, for what you serve is what is to be served now."""


class Halt(msgspec.Struct, tag=True):
    """Supervisor to worker: these endpoints are stopped, whatever else is being done; until a later version of each."""

    stopped: dict[str, tuple[int, str]]  # name -> (version, by whom and why)


class Beware(msgspec.Struct, tag=True):
    """Supervisor to worker, whatever it is doing: compute `suspects` alone from now on, and `poison` never."""

    suspects: list[Key]
    poison: list[Key]


class Answer(msgspec.Struct, tag=True):
    """Supervisor to worker: what it asked for is done in all workers, or why not."""

    number: int
    why_not: str | None


class Born(msgspec.Struct, tag=True):
    """Worker to supervisor, first of all: which process it is."""

    pid: int


class Done(msgspec.Struct, tag=True):
    """Worker to supervisor, to each `Serve` and `Open`: so it is; endpoint -> why not. `again`: those of `Again`."""

    failed: dict[str, str]
    again: list[str] = []

    @classmethod
    def of(cls, failed: Mapping[str, str]) -> Self:
        return cls(dict(failed), [name for name, why in failed.items() if isinstance(why, Again)])

    def why(self) -> dict[str, str]:
        """As it was given to `of`."""
        return {name: Again(why) if name in self.again else why for name, why in self.failed.items()}


class Loading(msgspec.Struct, tag=True):
    """Worker to supervisor: this release is loaded just now for this endpoint; empty when none is any more."""

    release: str
    endpoint: str = ""


class Leaving(msgspec.Struct, tag=True):
    """Worker to supervisor: it was told to end, perhaps by somebody else."""


class Ask(msgspec.Struct, tag=True):
    """Worker to supervisor: somebody wants this endpoint loaded or unloaded."""

    number: int
    verb: str
    name: str


News = Halt | Beware  # which wait for nothing


def inherited(start: Start) -> dict[str, int]:
    """The descriptors that it says, by their names."""
    return {name: fd for name in INHERITED if (fd := getattr(start, name)) >= 0}


def without(order: Serve, left_out: Collection[str], *, shadow: bool, question: bool = False) -> Serve:
    """The same, but nothing for which these releases are loaded."""
    return msgspec.structs.replace(lacking(order, naming(order, left_out, shadow=shadow)), question=question)


def lacking(order: Serve, names: Collection[str]) -> Serve:
    """The same, but none of these endpoints."""
    traffic = {name: routing for name, routing in order.traffic.items() if name not in names}
    return Serve(traffic, order.unloaded, sorted(order.traffic.keys() - traffic.keys()))


def naming(order: Serve | None, some: Collection[str], *, shadow: bool) -> list[str]:
    """The endpoints for which one of these releases is loaded: where callers are answered, or where the shadows are."""
    traffic = order.traffic if order else {}
    return [name for name, routing in traffic.items() if not loaded(routing, shadow=shadow).isdisjoint(some)]


def line(message: Any) -> bytes:
    return msgspec.json.encode(message, enc_hook=str) + b"\n"


def read(data: bytes, kind: Any) -> Any:
    return msgspec.json.decode(data, type=kind, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:
    assert kind is Path
    return Path(value)


def loaded(routing: Routing, *, shadow: bool) -> set[str]:
    """The releases that a worker which answers callers has at work for it, or with `shadow` that of the shadows."""
    return {share.served.release for share in routing.shares if share.shadow == shadow}


def at_work(order: Serve | None, *, shadow: bool) -> set[str]:
    """As `loaded`, for all endpoints."""
    return {release for _, release in lanes(order, shadow=shadow)}


def lanes(order: Serve | None, *, shadow: bool) -> set[tuple[str, str]]:
    """As `at_work`, each with its endpoint: of one release there is a copy for each."""
    traffic = order.traffic if order else {}
    return {(name, one) for name, routing in traffic.items() for one in loaded(routing, shadow=shadow)}


def releases(routings: Iterable[Routing]) -> set[str]:
    """That any of them answers with."""
    return {share.served.release for routing in routings for share in routing.shares}
