"""The six sockets. A site fills each with one engine, chosen by URL; `arkwright.testing` holds their contracts."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from arkwright.core.nouns import Column, Event


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be appended: a noun's kind, its unique key and its JSON."""

    kind: str
    key: str
    body: str


class Taken(Exception):
    """Somebody else wrote this (kind, key) first."""


class Ledger(Protocol):
    """Records: one append-only list of events; (kind, key) is unique, which makes versions and compare-and-set."""

    def append(self, by: str, entries: Sequence[Entry]) -> int:
        """Append all or none, durably; the last `seq`. Raises Taken when a (kind, key) exists."""
        ...

    def get(self, kind: str, key: str) -> Event | None: ...

    def last(self, kind: str, prefix: str) -> Event | None:
        """The newest event of this kind whose key starts with `prefix`."""
        ...

    def find(self, kind: str | None = None, prefix: str = "", after: int = 0) -> Iterator[Event]:
        """Events in order, from the one behind `after`."""
        ...

    def verify(self, against: str | None = None) -> int:
        """Check every seal; the number of events. Raises Corrupt naming the first bad one.

        `against`: a `head` noted earlier and kept elsewhere, which must still be part of the chain.
        """
        ...

    def head(self) -> str:
        """`seq:seal` of the last event, to be kept where the ledger's owner cannot reach."""
        ...

    def stamp(self) -> object | None:
        """Another one as soon as anything was written, by whomever; at once, without waiting for anybody's turn. None
        where that cannot be told now.
        """
        ...

    def close(self) -> None: ...


class Vault(Protocol):
    """Small private records that change and go: credentials, sessions, tokens, what was done under a client's key.

    Never shown, never exported, not part of the ledger. A record past its `expires` (seconds since 1970, by the clock)
    is not there any more. Whatever is acknowledged is durable.
    """

    def get(self, kind: str, key: str) -> str | None: ...

    def put(self, kind: str, key: str, body: str, *, expires: float | None = None) -> None:
        """Keep this record, in the place of the one before."""
        ...

    def add(self, kind: str, key: str, body: str, *, expires: float | None = None) -> bool:
        """Keep it unless there is one: False when somebody was first."""
        ...

    def swap(self, kind: str, key: str, old: str, new: str, *, expires: float | None = None) -> bool:
        """Compare-and-set, the time of its end unchanged unless one is given: False when it is not `old` any more."""
        ...

    def remove(self, kind: str, key: str) -> bool:
        """False when there was none: of many who take a record out, one is told True."""
        ...

    def find(self, kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
        """(key, body), ordered by key."""
        ...

    def sweep(self) -> int:
        """Forget what is past its end; how many."""
        ...

    def alone(self, what: str) -> AbstractContextManager[Callable[[], bool] | None]:
        """The turn at `what`, which one has at a time and which ends with its process, whatever clocks say; None while
        another has it. The function tells whether it is held still: a connection may break.
        """
        ...

    def stamp(self) -> object | None:
        """As of a ledger: another one as soon as anything was written. What is past its end does not change it."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    """Bytes by SHA-256. Acknowledged only when durable; verified when read."""

    def put(self, source: Path) -> str:
        """Keep a copy of this file; its digest."""
        ...

    def put_bytes(self, data: bytes) -> str: ...

    def has(self, digest: str) -> bool: ...

    def path(self, digest: str) -> Path:
        """A local file to read, its hash verified. Raises Corrupt, and of it Lost where there is none."""
        ...

    def remove(self, digest: str) -> None:
        """Forget bytes that only the caller ever spoke of; nothing happens when they are not there."""
        ...

    def verify(self) -> Iterator[str]:
        """Digests whose bytes are no longer theirs."""
        ...


class Tables(Protocol):
    """Columns: SQL in the DuckDB dialect over named Parquet files."""

    def columns(self, sql: str, inputs: Mapping[str, Sequence[Column]]) -> tuple[Column, ...]:
        """What the query would produce, tried on empty tables. Raises Invalid with the engine's reason."""
        ...

    def write(self, sql: str, inputs: Mapping[str, Path], out: Path) -> int:
        """Run the query, write one Parquet file; the number of rows."""
        ...

    def row(self, sql: str, inputs: Mapping[str, Path]) -> tuple[Any, ...]:
        """The one row of an aggregate query."""
        ...


class Worker(Protocol):
    """A place where the user's code runs, one task after the other."""

    def call(self, task: str, arguments: Mapping[str, Any]) -> Any:
        """Run one named task; arguments and answer are JSON. Errors of ours come back as themselves."""
        ...

    def close(self) -> None: ...


class Runner(Protocol):
    """Where code runs."""

    def start(self, folder: Path, log: Path, say: Callable[[str], None], *, within: float | None = None) -> Worker:
        """A worker for the project in `folder`; what its code prints goes to `log`, progress to `say`. After `within`
        seconds it is given up, whatever it is at: whoever waits for an answer is told so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Served:
    """A release in a folder whose every byte and signature was verified just now.

    `files`: each path with its SHA-256, as it was signed; whoever loads the folder later holds every byte against it.
    None: whoever laid the folder out answers for it, as tests do.
    """

    folder: Path
    release: str
    digest: str
    files: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A release and the part (0 to 1) of an endpoint's requests that it answers; a shadow only gets a copy of each."""

    served: Served
    part: float = 1.0
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Logged:
    """Where an endpoint's answers are logged, which share of the requests, and the columns that are never written."""

    folder: Path
    sample: float = 1.0
    redact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """How an endpoint answers: its releases, the newest first; the endpoint's version in the ledger; its log.

    `stopped`: by whom and why nothing answers, as callers are told it; then it has no releases.
    """

    shares: tuple[Share, ...]
    version: int = 1
    log: Logged | None = None
    stopped: str = ""


Traffic = Mapping[str, Routing]  # by endpoint
# given the releases whose folders are in use: what is to be served now; None while nothing changed
Watch = Callable[[Collection[str]], Traffic | None]


@dataclass(frozen=True, slots=True)
class Serving:
    """How to serve: addresses, processes and what is on.

    `rate`: requests a second that one client may send. `drain_delay`: seconds in which a stopping server still accepts,
    what a load balancer needs to notice. `pin`: one worker alone keeps to one processor too. `load_time`: seconds in
    which a release must load, or it counts as one that cannot; `answer_time`: in which a request must be answered, or
    who computes it counts as one that hangs. `queue`: requests that may wait for one model in one worker; `queue_time`:
    seconds that they may wait. `access_log`: a file, or `-`. `traces`: the URL of a
    collector. `minutes`: the folder in which what was answered is kept by the minute. `gateway`: the path of a socket,
    in a folder that is ours alone, instead of host and port. Who comes through it says for whom it asks, and what
    cannot be served is left out from the start, as it is later.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None
    workers: int = 1
    rate: float | None = None
    repository: bool = False
    drain_delay: float = 0.0
    pin: bool = False
    load_time: float = 60.0
    answer_time: float = 60.0
    queue: int = 2048
    queue_time: float = 5.0
    access_log: str | None = None
    traces: str | None = None
    minutes: Path | None = None
    gateway: str | None = None


class Host(Protocol):
    """Where an endpoint answers."""

    def serve(self, watch: Watch, serving: Serving, ready: Callable[[str], None]) -> None:
        """Serve what `watch` says until stopped, and follow it when it says something new; `ready` gets the address.

        `watch` is asked again and again. Its first answer is never None. A release that cannot be loaded changes
        nothing: the endpoint answers as before, and the releases that it needs for that are told to `watch` as in use.
        """
        ...
