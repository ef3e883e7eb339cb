"""Promises and performance over time as a terminal shows them: a small picture beside each number."""

from collections.abc import Iterator, Sequence

from arkwright.api.watch.data_over_time import DataOverTime
from arkwright.api.watch.over_time import OverTime, Performance
from arkwright.cli import output
from arkwright.core.alarms import DATA
from arkwright.monitor.measured import Found
from arkwright.pages.draw.states import said

STEPS, WIDE = "▁▂▃▄▅▆▇█", 14
GAP = "·"  # nothing was found then


def spark(found: Sequence[Found], since: float, until: float) -> str:
    """The last value of each of so many parts of the span, the least one lowest."""
    parts: list[float | None] = [None] * WIDE
    for one in found:
        place = int((one.until - since) / max(until - since, 1) * WIDE)
        parts[min(max(place, 0), WIDE - 1)] = one.value
    there = [value for value in parts if value is not None]
    if not there:
        return ""
    low, room = min(there), (max(there) - min(there)) or 1.0
    return "".join(GAP if v is None else STEPS[round((v - low) / room * (len(STEPS) - 1))] for v in parts)


def sparks(seen: OverTime) -> dict[tuple[str, str], str]:
    """(release, promise) -> its picture."""
    return {
        (one.release, line.promise): spark(line.found, seen.since, seen.until)
        for one in seen.releases
        for line in one.lines
    }


def data_sparks(seen: DataOverTime) -> dict[tuple[str, str], str]:
    """(data.NAME, promise) -> its picture."""
    return {(DATA + seen.name, line.promise): spark(line.found, seen.since, seen.until) for line in seen.lines}


def source(seen: DataOverTime, span: str) -> str:
    """How the source of a dataset was in the span."""
    return f"  {output.escape(DATA + seen.name)}, last {span}: {output.escape(said(seen.source))}"


def performance(seen: OverTime) -> Iterator[str]:
    """Of each release and measure, as estimated and with labels; then in each group."""
    for one in seen.releases:
        for p in (*one.performance, *one.groups):
            said = [
                f"{name} [cyan]{spark(found, seen.since, seen.until)}[/] {_last(found[-1])}"
                for name, found in (("estimated", p.estimated), ("with labels", p.realised))
                if found
            ]
            if said:
                yield f"  {output.escape(_name(one.release, p))}: {', '.join(said)}"


def _name(release: str, p: Performance) -> str:
    where = f", {p.column} {p.group}" if p.column else ""
    return f"{release.partition(':')[2]} {p.measure}{where}"


def _last(one: Found) -> str:
    ends = "" if one.low is None or one.high is None else f" [{output.number(one.low)} to {output.number(one.high)}]"
    return output.number(one.value) + output.escape(ends)
