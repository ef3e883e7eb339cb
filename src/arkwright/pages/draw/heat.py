"""Columns × time: the darker, the farther a column was from what the release was judged on. Numbers stand in it too."""

from markupsafe import Markup, escape

from arkwright.api.watch.over_time import ALPHA, Heat
from arkwright.core.counted import many
from arkwright.monitor.drifted import Moved
from arkwright.pages.draw.axes import moment, text
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import clock, number

STEPS = (0.02, 0.05, 0.1, 0.2, 0.4)  # effects at which the shade changes
_LEFT, _TALL, _NAME = 150, 20, 22


def heat(found: Heat) -> Markup:
    """Rows are columns, the one that moved most first. What chance alone may have made is left without a shade.

    The names are a drawing of their own, which stays where it is when the other one is wider than the page.
    """
    if not found.cells:
        return Markup("")
    wide = 24 if len(found.times) <= 31 else 9
    names: list[Markup] = []
    parts: list[Markup] = []
    times = {at: f", {clock(at)[:-3]} UTC" for at in found.times}
    for row, column in enumerate(found.columns):
        y = row * _TALL
        name = column if len(column) <= _NAME else column[: _NAME - 1] + "…"
        names.append(text(_LEFT - 6, y + 14, "end", name, "name"))
        parts.extend(
            Markup(_cell(place * wide, y, wide, cell, escape(column) + times[at]))  # noqa: S704 - made safe there
            for place, at in enumerate(found.times)
            if (cell := found.cells.get((column, at))) is not None
        )
    bottom, across = len(found.columns) * _TALL, len(found.times) * wide
    span, every = len(found.times) * found.seconds, max(1, round(90 / wide))
    parts += [
        text(place * wide, bottom + 15, "start", moment(found.times[place], span))
        for place in range(0, len(found.times), every)
    ]
    slots = f"{len(found.times)} slots of time"
    said = f"how far {many(len(found.columns), 'column')} moved in {slots}; the table has the numbers"
    left = frame(_LEFT, bottom + 20, "the columns, the one that moved most first", names)
    return left + frame(across + 34, bottom + 20, said, parts)


def shade(cell: Moved) -> int:
    """0, for what chance may have made, to 6."""
    return 0 if cell.chance >= ALPHA else 1 + sum(cell.effect >= step for step in STEPS)


def _cell(x: float, y: float, wide: int, cell: Moved, where: Markup) -> str:
    """As text, because there are a thousand of them; all but `where` is ours, and that is escaped."""
    by = "could be chance" if cell.chance >= ALPHA else f"p = {cell.chance:.2g}"
    dark = shade(cell)
    drawn = (
        f'<rect class="heat h{dark}" x="{x}" y="{y}" width="{wide - 1}" height="{_TALL - 1}">'
        f"<title>{where}: moved by {number(cell.effect)} ({by})</title></rect>"
    )
    if wide < 20 or dark < 2:  # two digits find no room, or would say nothing
        return drawn
    said = min(99, round(100 * cell.effect))
    return f'{drawn}<text class="h{dark}" x="{x + (wide - 1) / 2}" y="{y + 14}" text-anchor="middle">{said}</text>'
