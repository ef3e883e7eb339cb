"""What was noticed of a watched dataset over a span of time, as its pages, reports and the terminal show it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path

from arkwright.api.watch import alarms
from arkwright.api.watch.datasets import promised
from arkwright.api.watch.over_time import SPANS, Line, Span, finding, span_of, timed
from arkwright.core.alarms import DATA, READABLE, UNCHANGED
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor, Finding
from arkwright.core.times import utc
from arkwright.monitor.measured import Found, Measured
from arkwright.project import toml
from arkwright.project.spec import DataSpec, DataWatchSpec
from arkwright.sites import Site

ALIVE, CHANGED, DEAD = "readable", "columns changed", "dead"
_MISSED = 3  # times as long as between two looks: nobody looked


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """How a source was found by one look after the other, from the first of them, seconds since 1970, to the one that
    found it otherwise; `note`: of the first. `state`: readable | columns changed | dead; of when nobody looked there is
    none.
    """

    state: str
    since: int
    until: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOverTime(Span):
    """A span of a dataset's life; `watched`: whether the project has it watched now."""

    name: str
    watched: bool
    source: tuple[Stretch, ...] = ()
    lines: tuple[Line, ...] = ()


def data_over_time(
    site: Site, by: Actor, project: Path, *, name: str, span: str = "7d", until: datetime | None = None
) -> DataOverTime:
    """What was noticed of a dataset in the span before `until` (default: now).

    Raises Invalid for a span that is none; Unknown for a dataset that is neither on record nor in the project.
    """
    begin, now = span_of(span, until)
    about, spec = alarms.known(site, project, f"{DATA}{name}"), _spec(project, name)
    alarmed, earlier = timed(site, about)
    watched = spec is not None
    found = DataOverTime(name=name, since=begin, until=now, watched=watched, alarms=alarmed, earlier=earlier)
    path = site.watched / f"{about}.measured.db"
    if not path.exists():  # a look begins no file
        return found
    with closing(Measured(path)) as measured:
        return replace(
            found,
            last=measured.last(),
            source=tuple(_source(measured, begin, now, _gap((spec and spec.watch) or DataWatchSpec()))),
            lines=tuple(_lines(measured, promised(spec) if spec else (), begin, now, SPANS[span][1])),
        )


def _spec(project: Path, name: str) -> DataSpec | None:
    """None where it is not watched, and while the project's file has mistakes."""
    with suppress(ArkwrightError, OSError):
        spec = toml.read(project).spec.data.get(name)
        return spec if spec and spec.watch else None
    return None


def _gap(watch: DataWatchSpec) -> int:
    """Seconds without a look that are longer than a look may take."""
    return _MISSED * max(seconds(watch.every), seconds(watch.give_up))


def _lines(measured: Measured, now: Sequence[str], begin: int, end: int, points: int) -> Iterator[Line]:
    """What is promised now in its order, and what was measured in the span; what is promised no more has no last
    finding.
    """
    latest, last = measured.latest(""), measured.last() or 0
    for text in dict.fromkeys((*now, *latest)):
        found = tuple(measured.thinned("", text, begin, end + 1, points))
        if text in now or found:
            known = latest.get(text) if text in now else None
            yield Line(promise=text, found=found, last=_last(known, last) if known else None)


def _last(one: Found, last: int) -> Finding:
    """While the source is dead nothing else of it is measured."""
    old = f"as of {utc(one.until)}, not measured since" if one.until < last else ""
    return finding(replace(one, note="; ".join(part for part in (old, one.note) if part)))


def _source(measured: Measured, begin: int, end: int, gap: int) -> Iterator[Stretch]:
    """One after the other. Of the time between two looks that are far apart nobody can say anything."""
    turns = [*measured.turns("", READABLE, begin, end + 1, gap), *measured.turns("", UNCHANGED, begin, end + 1, end)]
    found: dict[str, Found] = {}
    held: Stretch | None = None
    for at, some in groupby(sorted(turns, key=lambda turn: turn[0].until), key=lambda turn: turn[0].until):
        for one, before in some:
            if held and before and one.promise == READABLE and at - before > gap:
                yield replace(held, until=before)
                held = None
            found[one.promise] = one
        state, note = _state(found)
        if held is None or held.state != state:
            if held:
                yield replace(held, until=at)
            held = Stretch(state=state, since=at, until=end, note=note)
    last = min(end, measured.last() or 0)
    if held:
        yield held if end - last <= gap else replace(held, until=last)


def _state(found: Mapping[str, Found]) -> tuple[str, str]:
    """(state, why)"""
    for state, promise in ((DEAD, READABLE), (CHANGED, UNCHANGED)):
        one = found.get(promise)
        if one and one.verdict == "broken":
            return state, one.note
    return ALIVE, ""
