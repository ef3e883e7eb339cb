"""The ledger as it was at a moment of the past, for a rehearsal: what is written goes into memory and nowhere else."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import cast

from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.nouns import Endpoint, Event, Terms
from arkwright.core.ports import Entry, Ledger, Taken
from arkwright.core.record import decode, encode
from arkwright.sites import Site

_OWN = (Alarm.KIND, Reacted.KIND)


class Past:
    """As far as alarms, reactions and moves ask. What was raised and done about this after it began is not there; a
    move that was tried stands until the endpoint was really moved. `terms`: an endpoint's, instead of those on record.
    """

    def __init__(self, ledger: Ledger, about: str, begin: float, terms: Terms | None = None) -> None:
        self._ledger, self._about, self._terms = ledger, about, terms
        self._read: dict[tuple[str, str], list[Event]] = {}  # the past stays as it is
        self._at = _clock(begin)
        self._moved = self._last_move()
        before = (event for kind in _OWN for event in ledger.find(kind, f"{about}/"))
        self.tried = [event for event in before if event.at <= self._at or event.seq < self._moved]

    def go_to(self, at: float) -> None:
        """On to this moment, seconds since 1970."""
        self._at = _clock(at)
        moved = self._last_move()
        if moved != self._moved:
            self._moved = moved
            self.tried = [event for event in self.tried if event.kind != Endpoint.KIND]

    def append(self, by: str, entries: Sequence[Entry]) -> int:
        """All or none. Raises Taken when a (kind, key) exists."""
        for entry in entries:
            if self.get(entry.kind, entry.key):
                raise Taken(f"{entry.kind} {entry.key} exists")
        for entry in entries:
            seq = len(self.tried) + 1
            self.tried.append(
                Event(seq=seq, at=self._at, by=by, kind=entry.kind, key=entry.key, body=entry.body, seal="")
            )
        return len(self.tried)

    def get(self, kind: str, key: str) -> Event | None:
        real = self._ledger.get(kind, key)
        if real and self._was(real):
            return self._seen(real)
        return next((event for event in self.tried if (event.kind, event.key) == (kind, key)), None)

    def last(self, kind: str, prefix: str) -> Event | None:
        tried = (one for one in reversed(self.tried) if one.kind == kind and one.key.startswith(prefix))
        real = (self._seen(one) for one in reversed(self._known(kind, prefix)) if self._was(one))
        return next(chain(tried, real), None)

    def find(self, kind: str, prefix: str = "", after: int = 0) -> Iterator[Event]:
        """What was on record, from the one behind `after`, and then what was tried."""
        real = (self._seen(one) for one in self._known(kind, prefix) if one.seq > after and self._was(one))
        yield from chain(real, [one for one in self.tried if one.kind == kind and one.key.startswith(prefix)])

    def _known(self, kind: str, prefix: str) -> list[Event]:
        """Up to now."""
        if (kind, prefix) not in self._read:
            self._read[kind, prefix] = list(self._ledger.find(kind, prefix))
        return self._read[kind, prefix]

    def _was(self, event: Event) -> bool:
        """There, by the clock or by a move that came after it: clocks go back."""
        return (event.at <= self._at or event.seq < self._moved) and event.kind not in _OWN

    def _seen(self, event: Event) -> Event:
        if event.kind != Endpoint.KIND or self._terms is None:
            return event
        return replace(event, body=encode(replace(decode(Endpoint, event.body), terms=self._terms)))

    def _last_move(self) -> int:
        """The number of the event; 0 before the first."""
        moves = self._known(Endpoint.KIND, f"{self._about}@")
        return max((event.seq for event in moves if event.at <= self._at), default=0)


@dataclass(frozen=True, kw_only=True)
class PastSite(Site):
    """A site whose records are those of then."""

    past: Past

    @property
    def ledger(self) -> Ledger:
        return cast(Ledger, self.past)


def _clock(at: float) -> str:
    """As events say it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
