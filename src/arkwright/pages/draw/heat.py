"""Columns × time: the darker, the farther a column was from what the release was judged on. Numbers stand in it too."""

from collections.abc import Iterator

from markupsafe import Markup

from arkwright.api.watch_over_time import ALPHA, Heat
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
    for row, column in enumerate(found.columns):
        y = row * _TALL
        name = column if len(column) <= _NAME else column[: _NAME - 1] + "…"
        names.append(text(_LEFT - 6, y + 14, "end", name, "name"))
        for place, at in enumerate(found.times):
            if (cell := found.cells.get((column, at))) is not None:
                parts += _cell(place * wide, y, wide, cell, f"{column}, {clock(at)[:-3]} UTC")
    bottom, across = len(found.columns) * _TALL, len(found.times) * wide
    span, every = len(found.times) * found.seconds, max(1, round(90 / wide))
    for place in range(0, len(found.times), every):
        parts.append(text(place * wide, bottom + 15, "start", moment(found.times[place], span)))
    slots = f"{len(found.times)} slots of time"
    said = f"how far {many(len(found.columns), 'column')} moved in {slots}; the table has the numbers"
    left = frame(_LEFT, bottom + 20, "the columns, the one that moved most first", names)
    return left + frame(across + 34, bottom + 20, said, parts)


def shade(cell: Moved) -> int:
    """0, for what chance may have made, to 6."""
    return 0 if cell.chance >= ALPHA else 1 + sum(cell.effect >= step for step in STEPS)


def _cell(x: float, y: float, wide: int, cell: Moved, where: str) -> Iterator[Markup]:
    by = "could be chance" if cell.chance >= ALPHA else f"p = {cell.chance:.2g}"
    dark = shade(cell)
    yield Markup(
        '<rect class="heat h{}" x="{}" y="{}" width="{}" height="{}"><title>{}: moved by {} ({})</title></rect>'
    ).format(dark, x, y, wide - 1, _TALL - 1, where, number(cell.effect), by)
    if wide >= 20 and dark > 1:
        yield text(x + (wide - 1) / 2, y + 14, "middle", f"{min(99, round(100 * cell.effect))}", f"h{dark}")
