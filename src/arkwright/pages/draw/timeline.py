"""Alarms along the time: a bar for as long as one stood, a mark where something was done about it."""

from collections.abc import Sequence

from markupsafe import Markup

from arkwright.api.watch.over_time import Timed, stood
from arkwright.core.counted import many
from arkwright.pages.draw.axes import Axes, moment, text
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import clock

_TALL, _LEFT = 20, 46
TONES = {"done": "good", "begun": "good", "refused": "bad", "dry-run": "open", "withheld": "open"}


def timeline(alarms: Sequence[Timed], since: float, until: float, *, wide: int = 900) -> Markup:
    """Of those that stood in the span, one below the other; nothing where none did."""
    shown = stood(alarms, since, until)
    if not shown:
        return Markup("")
    bottom = len(shown) * _TALL
    axes = Axes(since=since, until=until, low=0, high=1, left=_LEFT, right=wide - 8, top=0, bottom=bottom)
    parts = [Markup('<path class="axis" fill="none" d="M{} {}H{}"/>').format(_LEFT, bottom, wide - 8)]
    for row, one in enumerate(shown):
        y, end = row * _TALL, until if one.end is None else one.end
        alarm = one.alarm.alarm
        title = f"{alarm.ref}, {one.alarm.state}: {alarm.promise} of {alarm.release}"
        begin = axes.x(one.begin)
        parts.append(text(_LEFT - 6, y + 14, "end", f"#{alarm.number}"))
        parts.append(
            Markup('<rect class="stood {}" x="{}" y="{}" width="{}" height="9" rx="3"><title>{}</title></rect>').format(
                "bad" if one.end is None else "over", begin, y + 5, max(4, round(axes.x(end) - begin, 1)), title
            )
        )
        for at, done in one.acted:
            said = f"{done.do}, {done.outcome}, {clock(at)} UTC: {done.says}"
            parts.append(
                Markup('<circle class="dot {}" cx="{}" cy="{}" r="5"><title>{}</title></circle>').format(
                    TONES.get(done.outcome, "open"), axes.x(at), y + 9.5, said
                )
            )
    for step in range(5):
        at = since + step / 4 * (until - since)
        anchor = "start" if step == 0 else "end" if step == 4 else "middle"
        parts.append(text(axes.x(at), bottom + 15, anchor, moment(at, until - since)))
    return frame(wide, bottom + 20, f"{many(len(shown), 'alarm')} over time; the list below tells of each", parts)
