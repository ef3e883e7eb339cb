"""Alarms as they are now, for pages that people keep open: each look reads only what came on record since the last."""

from operator import itemgetter
from threading import Lock

from arkwright.api.watch.alarms import RAISED, Alarmed, take
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.ports import Ledger

KEPT = 20  # of each endpoint: the newest, however they ended


class Standing:
    """What stands at endpoints, and what was last. Any thread may look."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._lock = ledger, Lock()
        self._found: dict[str, tuple[int, Alarmed]] = {}
        self._seen = dict.fromkeys((Alarm.KIND, Reacted.KIND), 0)

    def look(self, endpoint: str | None = None) -> tuple[Alarmed, ...]:
        """Of this endpoint, or of all: what stands and then what is over, the newest first."""
        with self._lock:
            self._follow()
            found = sorted(self._found.values(), key=itemgetter(0), reverse=True)
        some = [one for _, one in found if endpoint in (None, one.alarm.about)]
        return tuple(sorted(some, key=lambda one: one.state != RAISED))

    def _follow(self) -> None:
        for kind, seen in self._seen.items():
            for event in self._ledger.find(kind, after=seen):
                take(self._found, event)
                self._seen[kind] = event.seq
        newest: dict[str, int] = {}
        for ref, (_, one) in sorted(self._found.items(), key=lambda item: item[1][0], reverse=True):
            newest[one.alarm.about] = newest.get(one.alarm.about, 0) + 1
            if one.state != RAISED and newest[one.alarm.about] > KEPT:
                del self._found[ref]
