"""The pictures of a watched endpoint as a terminal draws them: performance, drift and alarms along the same time."""

from collections.abc import Iterator, Sequence

from arkwright.api.watch.over_time import Heat, OverTime, Performance, Timed, stood
from arkwright.cli import output
from arkwright.pages.draw.axes import moment
from arkwright.pages.draw.heat import shade
from arkwright.pages.draw.timeline import TONES

WIDE, HIGH, NAME = 60, 9, 15
SHADES = "·░░▒▓██"  # by how far a column was; the first is what chance may have made
ESTIMATED, LABELS, SURE = "●", "○", "│"
STOOD, DONE, HELD = "━", "●", "○"


def plots(seen: OverTime) -> Iterator[str]:
    """Of each release that is shown: how well it answers, how far its columns moved. Then the alarms. In markup."""
    for one in seen.releases:
        name = one.release.partition(":")[2]
        for p in one.performance:
            if drawn := chart(p, seen.since, seen.until):
                yield from _titled(f"{name}, {p.measure}: {ESTIMATED} estimated, {LABELS} with labels", drawn)
        if drawn := heat(one.heat, seen.since, seen.until):
            yield from _titled(f"{name}, how far each column moved (in hundredths: the furthest)", drawn)
    if drawn := timeline(seen.alarms, seen.since, seen.until):
        yield from _titled(f"alarms: {STOOD} stood, {DONE} done about it, {HELD} not done", drawn)


def chart(found: Performance, since: float, until: float) -> list[str]:
    """Both series with their intervals on one pair of axes; nothing where no value is."""
    series = ((ESTIMATED, found.estimated), (LABELS, found.realised))
    ends = [v for _, values in series for f in values for v in (f.value, f.low, f.high) if v is not None]
    if not ends:
        return []
    low, top = min(ends), max(ends)
    grid = [[" "] * WIDE for _ in range(HIGH)]

    def row(value: float) -> int:
        return round((top - value) / ((top - low) or 1.0) * (HIGH - 1))

    for beside, (mark, values) in enumerate(series):  # so that neither hides the other
        for one in values:
            x = min(_place(one.until, since, until) + beside, WIDE - 1)
            if one.low is not None and one.high is not None:
                for y in range(row(one.high), row(one.low) + 1):
                    grid[y][x] = SURE
            if one.value is not None:
                grid[row(one.value)][x] = mark
    sides = {0: top, HIGH // 2: (top + low) / 2, HIGH - 1: low}
    lines = [
        f"{output.number(sides[y]) if y in sides else '':>{NAME}} [cyan]{''.join(line).rstrip()}[/]"
        for y, line in enumerate(grid)
    ]
    return [*lines, _times(since, until)]


def heat(found: Heat, since: float, until: float) -> list[str]:
    """A line for each column, the one that moved most first; where several slots share a place, the worst of them."""
    lines = []
    for column in found.columns:
        line, furthest = [" "] * WIDE, 0.0
        for at in found.times:
            if cell := found.cells.get((column, at)):
                dark = shade(cell)
                furthest = max(furthest, cell.effect if dark else 0)
                first, last = _place(at, since, until), _place(at + found.seconds, since, until)
                for x in range(first, max(first + 1, last)):
                    line[x] = max(line[x], SHADES[dark], key=f" {SHADES}".index)
        said = f" {100 * furthest:.0f}" if furthest else ""
        lines.append(f"{_named(column)} [cyan]{''.join(line)}[/]{said}")
    return [*lines, _times(since, until)] if lines else []


def timeline(alarms: Sequence[Timed], since: float, until: float) -> list[str]:
    """A line for each alarm of the span, the newest first: for how long it stood, and when something was done."""
    lines = []
    for one in stood(alarms, since, until):
        end = until if one.end is None else one.end
        first, last = _place(one.begin, since, until), _place(end, since, until)
        line = [STOOD if first <= x <= last else " " for x in range(WIDE)]
        for at, done in one.acted:
            line[_place(at, since, until)] = DONE if TONES.get(done.outcome) == "good" else HELD
        alarm, tone = one.alarm.alarm, "red" if one.end is None else "cyan"
        lines.append(f"{f'#{alarm.number}':>{NAME}} [{tone}]{''.join(line)}[/] {output.escape(alarm.promise)}")
    return [*lines, _times(since, until)] if lines else []


def _titled(title: str, drawn: Sequence[str]) -> Iterator[str]:
    yield ""
    yield f"[bold]{output.escape(title)}[/]"
    yield from drawn


def _place(at: float, since: float, until: float) -> int:
    """Of WIDE places."""
    return min(max(int((at - since) / max(until - since, 1) * WIDE), 0), WIDE - 1)


def _times(since: float, until: float) -> str:
    """Where the time begins, its middle and its end."""
    first, middle, last = (moment(since + part * (until - since), until - since) for part in (0.0, 0.5, 1.0))
    said = f"{first:<{WIDE // 2}}{middle}"
    return f"{'':>{NAME}} [dim]{said:<{WIDE - len(last)}}{last}[/]"


def _named(column: str) -> str:
    """To the right in its room, before markup makes it longer."""
    said = column if len(column) <= NAME else column[: NAME - 1] + "…"
    return output.escape(f"{said:>{NAME}}")
