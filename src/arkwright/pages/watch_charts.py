"""What the pictures of the watch show, as tables: a page and a report draw the same."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from arkwright.api.watch.data_over_time import DataOverTime
from arkwright.api.watch.over_time import OverTime, Performance, ReleaseWatched
from arkwright.core.alarms import READABLE, UNCHANGED
from arkwright.core.errors import ArkwrightError
from arkwright.core.promises import parse
from arkwright.monitor.measured import Found
from arkwright.pages.draw.heat import heat
from arkwright.pages.draw.over_time import Series, over_time
from arkwright.pages.draw.states import said, states
from arkwright.pages.draw.timeline import timeline

ESTIMATED, REALISED = "estimated", "with labels"
Row = tuple[int, list[float | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`heads`: (text, what the column is: "" a line, low and high its interval, limit); `drawn`: without a script."""

    title: str
    heads: list[tuple[str, str]]
    rows: list[Row]
    drawn: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """One of many small pictures: its title, its last values in words, itself."""

    title: str
    says: list[tuple[str, float | None]]
    drawn: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One release: how well it answers, in which groups, each promise over time, how far its columns moved."""

    seen: ReleaseWatched
    performance: list[Chart]
    groups: list[tuple[str, str, list[Small], list[Row], list[str]]]  # (measure, column, pictures, table, heads)
    promises: list[Small]
    promise_rows: list[Row]
    heat: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class DataShown:
    """A dataset: how its source was, and in words; each promise over time; the alarms."""

    source: Markup
    says: str
    promises: list[Small]
    promise_rows: list[Row]
    timeline: Markup


def data_shown(found: DataOverTime) -> DataShown:
    """That it can be read and has its columns is seen of the source."""
    lines = [line for line in found.lines if line.found and line.promise not in (READABLE, UNCHANGED)]
    return DataShown(
        source=states(found.source, found.since, found.until),
        says=said(found.source) if found.source else "",
        promises=[_promise(found, line.promise, line.found) for line in lines],
        promise_rows=_rows([line.found for line in lines]),
        timeline=alarms(found),
    )


def shown(found: OverTime) -> list[Shown]:
    return [
        Shown(
            seen=one,
            performance=[_performance(found, one, p) for p in one.performance if p.estimated or p.realised],
            groups=list(_groups(found, one.groups)),
            promises=[_promise(found, line.promise, line.found) for line in one.lines if line.found],
            promise_rows=_rows([line.found for line in one.lines if line.found]),
            heat=heat(one.heat),
        )
        for one in found.releases
    ]


def alarms(found: OverTime | DataOverTime) -> Markup:
    return timeline(found.alarms, found.since, found.until)


def limits(promise: str) -> list[float]:
    try:
        return [bound.limit for bound in parse(promise).bounds]
    except ArkwrightError:
        return []


def _performance(found: OverTime, one: ReleaseWatched, p: Performance) -> Chart:
    """The limits are those of the promises about just this."""
    asked = {p.measure, f"{ESTIMATED}({p.measure})"}
    lines = {limit for line in one.lines if _measure(line.promise) in asked for limit in limits(line.promise)}
    series = [Series(name, values) for name, values in ((ESTIMATED, p.estimated), (REALISED, p.realised)) if values]
    heads = [head for s in series for head in ((s.name, ""), (f"{s.name}, low", "low"), (f"{s.name}, high", "high"))]
    columns = [
        {f.until: value for f in s.found for value in (getattr(f, which),)}
        for s in series
        for which in ("value", "low", "high")
    ]
    times = sorted({at for column in columns for at in column})
    rows: list[Row] = [(at, [*(column.get(at) for column in columns), *sorted(lines)]) for at in times]
    return Chart(
        title=p.measure,
        heads=[*heads, *(("limit", "limit") for _ in lines)],
        rows=rows,
        drawn=over_time(series, found.since, found.until, limits=sorted(lines)),
    )


def _measure(promise: str) -> str:
    try:
        return parse(promise).measure
    except ArkwrightError:
        return ""


def _groups(
    found: OverTime, groups: Sequence[Performance]
) -> Iterable[tuple[str, str, list[Small], list[Row], list[str]]]:
    """All pictures of one measure and column have the same axes: one sees at once which group is worse."""
    for (measure, column), same in groupby(groups, key=lambda one: (one.measure, one.column)):
        here = [one for one in same if one.estimated or one.realised]
        every = [f for one in here for f in (*one.estimated, *one.realised)]
        ends = [v for f in every for v in (f.value, f.low, f.high) if v is not None]
        pictures, heads, columns = [], [], []
        for one in here:
            series = [Series(ESTIMATED, one.estimated), Series(REALISED, one.realised)]
            says = [(s.name, s.found[-1].value) for s in series if s.found]
            drawn = over_time(
                series, found.since, found.until, among=(min(ends), max(ends)) if ends else None, wide=260, high=120
            )
            pictures.append(Small(title=one.group, says=says, drawn=drawn))
            for s in series:
                if s.found:
                    heads.append(f"{one.group}, {s.name}")
                    columns.append(s.found)
        if pictures:
            yield measure, column, pictures, _rows(columns), heads


def _promise(found: OverTime | DataOverTime, promise: str, values: Sequence[Found]) -> Small:
    drawn = over_time([Series("found", values)], found.since, found.until, limits=limits(promise), wide=300, high=120)
    return Small(title=promise, says=[("last", values[-1].value)], drawn=drawn)


def _rows(columns: Sequence[Sequence[Found]]) -> list[Row]:
    """(time, the value of each there)"""
    known = [{f.until: f.value for f in column} for column in columns]
    return [(at, [column.get(at) for column in known]) for at in sorted({at for column in known for at in column})]
