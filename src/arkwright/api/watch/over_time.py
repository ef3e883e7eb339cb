"""What was noticed at an endpoint over a span of time, as its pages and reports show it: from what every watch kept."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api.watch import alarms
from arkwright.api.watch.alarms import Alarmed
from arkwright.api.watch.beside import ESTIMATED, groups_in, named
from arkwright.core.alarms import Reacted
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Endpoint, Finding
from arkwright.core.record import decode
from arkwright.core.times import zoned
from arkwright.monitor import policy
from arkwright.monitor.drifted import DAY, Drifted, Moved, Slot
from arkwright.monitor.kept import HOUR
from arkwright.monitor.measured import Found, Measured
from arkwright.sites import Site

SPANS = {"24h": (HOUR, 60), "7d": (6 * HOUR, 84), "30d": (DAY, 90), "90d": (DAY, 90)}  # seconds of a slot, points
LEFT = "left"
ALARMS = 20
ALPHA = 0.05  # a change that chance alone makes more often is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """How far each column was in each slot of `seconds`; `cells`: (column, begin) -> what was found there."""

    columns: tuple[str, ...]
    times: tuple[int, ...]
    seconds: int
    rows: Mapping[int, int]
    cells: Mapping[tuple[str, int], Moved]


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """One measure over time, before and after labels came; `group`: where it is of one value of a column alone."""

    measure: str
    estimated: tuple[Found, ...]
    realised: tuple[Found, ...]
    column: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One promise over time, and what was found of it last."""

    promise: str
    found: tuple[Found, ...]
    last: Finding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseWatched:
    """One release at the endpoint; `place`: live | canary | shadow | left."""

    release: str
    place: str
    lines: tuple[Line, ...]
    performance: tuple[Performance, ...]
    groups: tuple[Performance, ...]
    heat: Heat


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """An alarm on the axis of time, seconds since 1970; `acted`: when what was done about it."""

    alarm: Alarmed
    begin: float
    end: float | None
    acted: tuple[tuple[float, Reacted], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Of something that is watched, seconds since 1970; `last`: when it was looked at last."""

    since: int
    until: int
    alarms: tuple[Timed, ...]  # those that stand and the newest others, the newest first
    earlier: int = 0  # alarms beside these
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverTime(Span):
    """A span of an endpoint's life; `others`: releases that were there earlier."""

    endpoint: Endpoint
    releases: tuple[ReleaseWatched, ...] = ()
    others: tuple[str, ...] = ()


def over_time(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoint: Endpoint,
    span: str = "7d",
    release: str | None = None,
    until: datetime | None = None,
    noticed: Sequence[Alarmed] | None = None,
) -> OverTime:
    """What was noticed at an endpoint in the span before `until` (default: now), of the releases that are there, or of
    one that was. `noticed`: its alarms that stand and the newest others, where they need not be read.

    Raises Invalid for a span that is none, and for one of before there were such clocks.
    """
    begin, now = span_of(span, until)
    alarmed, earlier = timed(site, endpoint.name, noticed)
    found = OverTime(endpoint=endpoint, since=begin, until=now, alarms=alarmed, earlier=earlier)
    path = site.watched / f"{endpoint.name}.measured.db"
    if not path.exists():  # a look begins no file
        return found
    with closing(Measured(path)) as measured:
        known, here = measured.releases(), [*endpoint.shares, *endpoint.shadows]
        shown = [release] if release in known else [ref for ref in here if release in (None, ref)]
        look = _Look(measured, endpoint, span, now)
        with closing(Drifted(site.watched / f"{endpoint.name}.drift.db")) as drifted:
            seen = tuple(look.release(drifted, ref) for ref in shown)
        others = tuple(ref for ref in (*here, *known) if ref not in shown)
        return replace(found, last=measured.last(), releases=seen, others=tuple(dict.fromkeys(others)))


def span_of(span: str, until: datetime | None) -> tuple[int, int]:
    """(since, until), seconds since 1970. Raises Invalid for a span that is none, and for one of before there were such
    clocks.
    """
    if span not in SPANS:
        raise Invalid(f"{span[:20]!r}: the watch is shown over {', '.join(SPANS)}")
    end = zoned(until or datetime.now(UTC))
    now = int(end.timestamp())
    begin = now - seconds(span)
    if begin < 0:
        raise Invalid(f"{end:%Y-%m-%d}: nothing was watched in the {span} before it; take a time since 1971")
    return begin, now


class _Look:
    """At the same span of every release."""

    def __init__(self, measured: Measured, endpoint: Endpoint, span: str, now: int) -> None:
        self._measured, self._endpoint = measured, endpoint
        self._slot, self._points = SPANS[span]
        self._until = now + 1
        self._since = self._until - seconds(span)

    def release(self, drifted: Drifted, ref: str) -> ReleaseWatched:
        latest = self._measured.latest(ref)
        agreed = self._endpoint.terms.promises if self._endpoint.terms else ()
        promises = [text for text in agreed if text in latest or ref in self._endpoint.shares]
        beside = [name for name, one in latest.items() if not one.verdict]
        return ReleaseWatched(
            release=ref,
            place=policy.part(self._endpoint, ref) or LEFT,
            lines=tuple(self._line(ref, text, latest.get(text)) for text in promises),
            performance=tuple(self._performance(ref, name) for name in sorted(_measures(beside))),
            groups=tuple(self._grouped(ref, beside)),
            heat=self._heat(drifted, ref),
        )

    def _line(self, ref: str, promise: str, last: Found | None) -> Line:
        return Line(promise=promise, found=self._thinned(ref, promise), last=finding(last) if last else None)

    def _performance(self, ref: str, measure: str, within: tuple[str, str] | None = None) -> Performance:
        estimate, real = (named(measure, estimate=one, within=within) for one in (True, False))
        return Performance(
            measure=measure,
            estimated=self._thinned(ref, estimate),
            realised=self._thinned(ref, real),
            column=within[0] if within else "",
            group=within[1] if within else "",
        )

    def _grouped(self, ref: str, beside: list[str]) -> list[Performance]:
        told = [(_bare(found[0]), found[1], found[2]) for name in beside if (found := groups_in(name))]
        return [self._performance(ref, name, (column, value)) for name, column, value in sorted(set(told))]

    def _thinned(self, ref: str, name: str) -> tuple[Found, ...]:
        return tuple(self._measured.thinned(ref, name, self._since, self._until, self._points))

    def _heat(self, drifted: Drifted, ref: str) -> Heat:
        begin, slot, found = self._slots(drifted, ref)
        cells = {(column, one.begin): cell for one in found for column, cell in one.columns.items()}
        worst: dict[str, float] = {}
        for (column, _), one in cells.items():
            worst[column] = max(worst.get(column, 0.0), one.effect if one.chance < ALPHA else 0.0)
        return Heat(
            columns=tuple(sorted(worst, key=lambda column: (-worst[column], column))),
            times=tuple(range(begin, self._until, slot)),
            seconds=slot,
            rows={one.begin: one.rows for one in found},
            cells=cells,
        )

    def _slots(self, drifted: Drifted, ref: str) -> tuple[int, int, list[Slot]]:
        """(when the first begins, how long they are, what was found); of what is long past only days are kept."""
        for slot in (self._slot, DAY):
            begin = self._since // slot * slot
            if found := drifted.between(ref, slot, begin, self._until):
                break
        return begin, slot, found


def _measures(beside: list[str]) -> set[str]:
    return {_bare(name) for name in beside if not groups_in(name)}


def _bare(name: str) -> str:
    return name.removeprefix(f"{ESTIMATED}(").removesuffix(")") if name.startswith(f"{ESTIMATED}(") else name


def finding(one: Found) -> Finding:
    """As what was found of a promise is shown anywhere."""
    return Finding(
        subject="",  # it is about no bytes, but about what came
        digest="",
        promise=one.promise,
        verdict=one.verdict,
        value=one.value,
        low=one.low,
        high=one.high,
        n=one.n,
        note=one.note,
    )


def timed(site: Site, about: str, noticed: Sequence[Alarmed] | None = None) -> tuple[tuple[Timed, ...], int]:
    """(the alarms that are shown, how many are not). `noticed`: those that stand and the newest others, where they need
    not be read.
    """
    known = noticed if noticed is not None else [one for _, one in alarms.of(site, [about])]
    every = sorted(known, key=lambda one: -one.alarm.number)
    chosen = [one for n, one in enumerate(every) if n < ALARMS or one.state == alarms.RAISED]
    acted: dict[str, list[tuple[float, Reacted]]] = {}
    for event in site.ledger.find(Reacted.KIND, f"{about}/"):
        done = decode(Reacted, event.body)
        acted.setdefault(done.alarm, []).append((_stamp(event.at), done))
    found = tuple(
        Timed(
            alarm=one,
            begin=_stamp(one.raised),
            end=_stamp(one.ended) if one.ended else None,
            acted=tuple(acted.get(one.alarm.ref, ())),
        )
        for one in chosen
    )
    return found, every[0].alarm.number - len(found) if every else 0  # they are numbered from 1


def stood(alarms: Sequence[Timed], since: float, until: float) -> list[Timed]:
    """Those that stood at any time between."""
    return [one for one in alarms if one.begin <= until and (one.end is None or one.end >= since)]


def _stamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
