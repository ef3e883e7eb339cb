"""How a source was found along the time: a bar in the row of each state; where nobody looked there is none."""

from collections.abc import Sequence

from markupsafe import Markup

from arkwright.api.watch.data_over_time import ALIVE, CHANGED, DEAD, Stretch
from arkwright.core.counted import many
from arkwright.pages.draw.axes import Axes, moment, text
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import clock, span

ROWS = {ALIVE: "good", CHANGED: "open", DEAD: "bad"}  # and the tone of each
_TALL, _LEFT = 20, 112


def states(found: Sequence[Stretch], since: float, until: float, *, wide: int = 780) -> Markup:
    """Nothing where nobody looked. The names are a drawing of their own, which stays where it is when the other one is
    wider than the page.
    """
    if not found:
        return Markup("")
    bottom = len(ROWS) * _TALL
    axes = Axes(since=since, until=until, low=0, high=1, left=0, right=wide - 8, top=0, bottom=bottom)
    parts = [Markup('<path class="axis" fill="none" d="M0 0V{}H{}"/>').format(bottom, wide - 8)]
    names = [text(_LEFT - 6, row * _TALL + 14, "end", state, "name") for row, state in enumerate(ROWS)]
    for one in found:
        begin, row = axes.x(one.since), [*ROWS].index(one.state)
        title = f"{one.state} from {clock(one.since)} to {clock(one.until)} UTC{': ' if one.note else ''}{one.note}"
        length = max(3, round(axes.x(one.until) - begin, 1))
        parts.append(
            Markup('<rect class="state {}" x="{}" y="{}" width="{}" height="13"><title>{}</title></rect>').format(
                ROWS[one.state], begin, row * _TALL + 4, length, title
            )
        )
    for step in range(5):
        at = since + step / 4 * (until - since)
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"
        parts.append(text(axes.x(at), bottom + 15, anchor, moment(at, until - since)))
    left = frame(_LEFT, bottom + 20, "a row for each state", names)
    return left + frame(wide, bottom + 20, f"{said(found)}; the table has the times", parts)


def said(found: Sequence[Stretch]) -> str:
    """For how long it was what, in words; how often it changed where it did."""
    lasted = {state: sum(one.until - one.since for one in found if one.state == state) for state in ROWS}
    parts = [f"{state} for {span(seconds)}" for state, seconds in lasted.items() if seconds]
    dead = sum(one.state == DEAD for one in found)
    return ", ".join(parts or [found[-1].state]) + (f", {many(dead, 'time')} dead" if dead else "")
