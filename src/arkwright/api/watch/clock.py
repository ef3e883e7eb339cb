"""The clock of the watch: endpoints are watched as often as their terms say, and datasets as the project says, in
processes aside. A source that hangs holds up nothing but the next look at itself.
"""

import logging
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from arkwright.api import child, lease
from arkwright.api.watch import alarms, datasets, looked
from arkwright.core import versions
from arkwright.core.alarms import DATA
from arkwright.core.alongside import Alongside
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Endpoint
from arkwright.project import toml
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
PROCESS = "arkwright.api.watch.process"  # by name: it brings what counts, and a control room only shows
LOOK = 1.0  # seconds between two looks at what is due
GRACE = 10.0  # seconds in which a round may end that is called off
AT_ONCE = 4  # datasets
RARELY = 3600  # seconds after which one is looked at again that hangs each time, if not its `every` is longer
FIRST = 60.0  # seconds in which who looked last goes first, or who failed last; a disk's clock may be ahead as far


class Clock(Alongside):
    """Has endpoints and datasets watched while it is entered, beside the control room. Where several do, the one that
    looked last, and found all out, goes on, and the others take over when it does not.
    """

    def __init__(self, site: Site, project: Path) -> None:
        super().__init__("watch")
        self._site, self._project = site, project
        self._every: dict[str, int] = {}  # seconds, of endpoints that promise something
        self._stamp: object | None = None
        self._data: dict[str, int] = {}  # seconds, of datasets that are watched
        self._written: object | None = None  # what the project's file was when it was read
        self._begun: dict[str, float] = {}  # since when it is counted how long ago our last look was
        self._before: dict[str, looked.Look] = {}  # what was noted when ours began
        self._hung: dict[str, float] = {}  # when they ended our process, seconds since 1970, until they end none
        self._in_a_row = Counter[str]()  # how many times it hung
        self._refused: dict[str, tuple[looked.Look, float]] = {}  # the last look at what we are refused, and since when
        self._name = uuid.uuid4().hex  # what our own looks are known by
        self._at_work: dict[tuple[str, ...], subprocess.Popen[bytes]] = {}

    def _run(self) -> None:
        wait = LOOK
        while not self._stopped.wait(wait):
            wait = LOOK
            try:
                self._reap()
                for names in self._due():
                    self._begin(names)
            except (ArkwrightError, OSError) as error:
                log.error("nothing is watched: %s; trying again", error)  # noqa: TRY400
                wait = 60
            except Exception:  # what nobody watches fails in silence
                log.exception("nothing is watched; trying again")
                wait = 60
        self._call_off()

    def _due(self) -> list[tuple[str, ...]]:
        """What is to be begun now, each in a process of its own: endpoints together, datasets alone."""
        known = {**self._endpoints(), **self._datasets()}
        now, busy = time.monotonic(), {name for names in self._at_work for name in names}
        waiting = [
            name for name, every in known.items()
            if now - self._begun.get(name, -every) >= every and not self._another_looks(name, every)
        ]  # fmt: skip
        datasets = [name for name in waiting if name.startswith(DATA) and name not in busy]
        free = AT_ONCE - sum(name.startswith(DATA) for name in busy)
        found: list[tuple[str, ...]] = [(name,) for name in datasets[: max(0, free)]]
        if all(name.startswith(DATA) for name in busy):  # one round of endpoints at a time
            some = [name for name in waiting if not name.startswith(DATA)]
            found += [tuple(sorted(some, key=self._failed))] if some else []
        return found

    def _failed(self, name: str) -> float:
        """When a look at it did, seconds since 1970: at what a process ends it comes to no other."""
        last = looked.last(self._site, name)
        return max(self._hung.get(name, 0.0), 0.0 if last.well else last.at)  # of a full disk nothing is noted

    def _another_looks(self, name: str, every: int) -> bool:
        last, first = looked.last(self._site, name), _first(every)
        lasts = every + first if last.well else first
        return last.by != self._name and -first <= time.time() - last.at < lasts

    def _endpoints(self) -> dict[str, int]:
        """Those that promise something, and how often they are to be watched."""
        ledger = self._site.ledger
        stamp = ledger.stamp()
        if stamp is None or stamp != self._stamp:
            known = (versions.resolve(ledger, Endpoint, name) for name in versions.names(ledger, Endpoint))
            self._every = {e.name: seconds(e.terms.every) for e in known if e.terms and e.terms.promises}
            self._stamp = stamp
        return self._every

    def _datasets(self) -> dict[str, int]:
        """Those that the project has watched. While its file has mistakes, those that it had before."""
        try:
            file = (self._project / toml.FILE).stat()
            written: object = (file.st_mtime_ns, file.st_size, file.st_ino)
        except OSError:
            written = "none"
        if written == self._written:
            return self._data
        try:
            known = datasets.watched(self._project)
        except ArkwrightError as error:
            log.error("datasets are watched as before: %s", error)  # noqa: TRY400
            self._written = written
            return self._data
        datasets.leave(self._site, known)
        self._written = written
        self._data = {f"{DATA}{name}": seconds(watch.every) for name, watch in known.items()}
        return self._data

    def _begin(self, names: tuple[str, ...]) -> None:
        """A round. Killed on the way it is made good by the next one; what cannot be begun is due as before."""
        now, before = time.monotonic(), {name: looked.last(self._site, name) for name in names}
        process = child.begin(self._site, PROCESS, str(self._project), self._name, *names)
        self._at_work[names] = process
        self._begun.update(dict.fromkeys(names, now))
        self._before.update(before)
        assert process.stdin
        with suppress(BrokenPipeError):  # it has died already
            process.stdin.close()

    def _reap(self) -> None:
        for names, process in list(self._at_work.items()):
            if (code := process.poll()) is not None:
                del self._at_work[names]
                self._ended(names, code)

    def _ended(self, names: tuple[str, ...], code: int) -> None:
        """Who found out all looks again when it is time. Who failed leaves a whole span of time to the others, and what
        the process ended at is looked at last. Whom nobody looked at has its turn soon: who refused us may hang.
        """
        last = {name: looked.last(self._site, name) for name in names}
        ours = {name for name in names if last[name].by == self._name and last[name] != self._before.get(name)}
        at, now = self._ended_at([name for name in names if name not in ours] or names, code), time.monotonic()
        for name in names:
            every = {**self._every, **self._data}.get(name, 0)
            if name not in ours:
                untold = name not in self._hung and alarms.hung(self._site, name)  # an alarm, which the next one raises
                self._begun[name] = now - (every - _first(every) if code and (name != at or untold) else 0.0)
                if code == Refused.exit_code:
                    self._warn(name, every, last[name])
            elif not last[name].well:
                self._begun[name] = now
            else:
                self._hung.pop(name, None)
                self._in_a_row.pop(name, None)
        if at and at not in ours:
            self._hung[at] = time.time()
            if code == -signal.SIGALRM and not at.startswith(DATA):
                self._later(at)
            looked.note(self._site, at, self._name, well=False)

    def _later(self, name: str) -> None:
        """All others waited for it, as long as a look may take: each time in a row it is due after twice as long."""
        self._in_a_row[name] += 1
        every = self._every.get(name, 0)
        self._begun[name] += min(every * 2 ** (self._in_a_row[name] - 1), max(every, RARELY)) - every

    def _warn(self, name: str, every: int, last: looked.Look) -> None:
        """Of who is refused while nobody else looks at it either; by no clock that jumps."""
        seen, since = self._refused.get(name, (None, 0.0))
        now = time.monotonic()
        if seen == last and now - since < 2 * every:
            return
        self._refused[name] = last, now
        if seen == last:
            what = f"watch of {name}" if name.startswith(DATA) else "watch"
            log.warning(
                "%s has not been looked at for %d minutes: %s is at it, and may hang",
                name, (now - since) // 60, lease.who(self._site, what),
            )  # fmt: skip

    def _ended_at(self, names: Sequence[str], code: int) -> str:
        """At which of these something ended it; empty where it ended by itself, or before it was at any."""
        if code in (0, Refused.exit_code):
            return ""
        at = names[0] if names[0].startswith(DATA) else looked.ended_at(self._site, self._name)
        if not at and code == -signal.SIGALRM:  # a full disk: nobody could say it, but it was at one
            at = names[0]
        log.error("the watch of %s ended (%d); it is made good by the next one", at or ", ".join(names)[:200], code)
        return at

    def _call_off(self) -> None:
        for process in self._at_work.values():
            process.terminate()
        end = time.monotonic() + GRACE
        for process in self._at_work.values():
            try:
                process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        looked.ended_at(self._site, self._name)  # nobody asks for it any more


def _first(every: int) -> float:
    return min(every / 2, FIRST)
