"""A run that is being logged from this very process: points wait in memory for half a second at most, then go to the
disk together. What `flush` has returned for, and all once `end` has, outlives whatever comes.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from operator import index
from pathlib import Path
from time import time_ns
from types import TracebackType
from typing import Any, Self

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.tracking import runs, words
from arkwright.tracking.points import Point
from arkwright.tracking.tracking import Tracking

FLUSH_S = 0.5  # seconds that a point waits at most, while the disk can keep up
TOGETHER = 10_000  # points of one commit
MOST = 1_000_000  # points that wait; whoever logs on waits too
HEARTBEAT_S = runs.LEASE_MS / 3000  # how often a run says that its process is alive
_FAR = 2**63
_all: "weakref.WeakSet[Session]" = weakref.WeakSet()


class Session:
    """A run that goes on. Safe for many threads; a forked child logs on to the same run.

        with arkwright.track("wool") as run:
            run.log(loss=0.5, step=1)

    Left by an exception, it has failed; when its process dies, it counts as failed after half a minute.
    """

    def __init__(self, tracking: Tracking, uid: str) -> None:
        self.uid = uid
        self._tracking = tracking
        self._step = -1
        self._known: set[str] = set()
        self._ended = False
        self._fresh()
        _all.add(self)

    def _fresh(self) -> None:
        """Nothing waits, nobody writes: so a run begins, and so a forked child has it."""
        self._points: deque[Point] = deque()
        self._writing = threading.Lock()
        self._wake = threading.Event()
        self._writer: threading.Thread | None = None
        self._broken: ArkwrightError | None = None

    def log(self, metrics: Mapping[str, Any] | None = None, /, *, step: int | None = None, **more: Any) -> None:
        """One point of each metric: `run.log(loss=0.5, step=1)`, `run.log({"val/loss": 0.5}, step=1)`.

        Without a step it is one after the last. Raises Invalid for a name or a number that is none, and whatever has
        kept earlier points from being written; those wait on.
        """
        if step is None:
            step = self._step + 1
        elif step.__class__ is not int or not -_FAR <= step < _FAR:
            step = _step(step)
        at, known = time_ns() // 1_000_000, self._known
        found = [
            (
                key if key in known else self._named(key),
                step,
                at,
                value if value.__class__ is float else _number(key, value),
            )
            for key, value in (more if metrics is None else {**metrics, **more}).items()
        ]
        self._step = step
        self._points.extend(found)
        if self._writer is None or self._broken is not None or len(self._points) >= MOST:
            self._attend()

    def params(self, **params: Any) -> None:
        """Parameters, each logged once; on the disk when this returns. Raises Invalid for another value."""
        self._write(params=[(key, _text(value)) for key, value in params.items()])

    def tag(self, **tags: Any) -> None:
        """Tags, which may change; on the disk when this returns."""
        self._write(tags=[(key, _text(value)) for key, value in tags.items()])

    def file(self, source: str | Path | bytes, name: str | None = None) -> None:
        """Keep a copy of a file, or these bytes, among the run's files; on the disk when this returns."""
        if isinstance(source, bytes) and name is None:
            raise Invalid('bytes need a name: run.file(b"…", "notes.txt")')
        run = self._tracking.run(self.uid)
        kept = source if isinstance(source, bytes) else Path(source)
        path = f"{run.place.removeprefix('mlflow-artifacts:/')}/{name or Path(str(source)).name}"
        self._tracking.artifacts.put(path, kept, run.user)

    def flush(self) -> None:
        """Everything that was logged before is on the disk when this returns. Raises Full, ArkwrightError."""
        with self._writing:
            self._drain()

    def end(self, status: str = runs.FINISHED) -> None:
        """Nothing more will come. Raises Full, ArkwrightError; it may be called again then."""
        if self._ended:
            return
        self.flush()
        self._tracking.submit(runs.change, self.uid, status=status, ended=words.now()).result()
        self._ended = True
        self._wake.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = kind is not None and issubclass(kind, KeyboardInterrupt)
        self.end("KILLED" if stopped else runs.FINISHED if kind is None else runs.FAILED)

    def _named(self, key: str) -> str:
        self._known.add(words.key(key, "metric"))
        return key

    def _write(self, **what: Any) -> None:
        self._open()
        self._tracking.submit(runs.log, self.uid, **what).result()

    def _open(self) -> None:
        if self._ended:
            raise Invalid("this run has ended; begin another one")

    def _attend(self) -> None:
        """What is seldom: the first point, a disk that failed, too many points that wait."""
        self._open()
        if self._broken is not None or len(self._points) >= MOST:
            self.flush()
        with self._writing:
            if self._writer is None:
                self._writer = threading.Thread(target=_keep, args=(weakref.ref(self), self._wake), daemon=True)
                self._writer.start()

    def _drain(self) -> None:
        """Write all that waits. What could not be written waits on, in its order."""
        take = self._points.popleft
        while waiting := len(self._points):
            taken = [take() for _ in range(min(waiting, TOGETHER))]
            try:
                self._tracking.submit(runs.log, self.uid, metrics=taken, lease=True).result()
            except BaseException:
                self._points.extendleft(reversed(taken))
                raise
        self._broken = None

    def _beat(self) -> None:
        """As `flush`, for the thread behind: a failure is told to whoever logs next. Also says that all is well."""
        try:
            if self._points:
                self.flush()
            else:
                self._tracking.submit(runs.log, self.uid, lease=True).result()
        except ArkwrightError as error:
            self._broken = error


def _keep(run: "weakref.ref[Session]", wake: threading.Event) -> None:
    """Write every half second, until the run has ended or nobody holds it any more."""
    quiet = 0.0
    while not wake.wait(FLUSH_S):
        found = run()
        if found is None:
            return
        quiet = 0.0 if found._points else quiet + FLUSH_S  # noqa: SLF001
        if quiet == 0.0 or quiet >= HEARTBEAT_S:
            quiet = 0.0
            found._beat()  # noqa: SLF001
        del found


def _number(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"the metric {key[:80]!r} has to be a number, not {str(value)[:80]!r}") from None


def _step(step: Any) -> int:
    try:
        found = index(step)
    except TypeError:
        found = _FAR
    if not -_FAR <= found < _FAR:
        raise Invalid(f"a step is a whole number, not {str(step)[:80]!r}")
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _in_child() -> None:
    """A forked process has none of our threads; what waits is written by the one that it was forked from."""
    for run in list(_all):
        run._fresh()  # noqa: SLF001


os.register_at_fork(after_in_child=_in_child)
