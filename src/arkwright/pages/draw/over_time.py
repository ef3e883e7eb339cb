"""Values over time with how sure one is of them: a line in its 95 % interval, the limit dashed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from arkwright.monitor.measured import Found
from arkwright.pages.draw.axes import Axes
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import number

KINDS = ("first", "second")  # of lines, as the stylesheet has them
_DOTS = 40  # fewer points than that are marked


@dataclass(frozen=True, slots=True)
class Series:
    """What was found under one name, in the order of time."""

    name: str
    found: Sequence[Found]


def over_time(
    series: Sequence[Series],
    since: float,
    until: float,
    *,
    limits: Sequence[float] = (),
    among: tuple[float, float] | None = None,
    wide: int = 620,
    high: int = 220,
) -> Markup:
    """One or two lines on the same axes; `among`: values that have to find room too, so that pictures can be compared.

    Nothing where nothing was found.
    """
    values = [v for one in series for f in one.found for v in (f.value, f.low, f.high) if v is not None]
    if not values:
        return Markup("")
    marks = [*values, *limits, *(among or ())]
    low, top = min(marks), max(marks)
    room = (top - low) * 0.06 or abs(top) * 0.05 or 0.5
    low = max(low - room, 0) if low >= 0 else low - room
    top = min(top + room, 1) if top <= 1 else top + room  # a share has no room above all
    box = {"left": 46, "right": wide - 8, "top": 8, "bottom": high - 22}
    axes = Axes(since=since, until=until, low=low, high=top, **box)
    parts = list(axes.drawn(times=4 if wide > 400 else 2))
    for kind, one in zip(KINDS, series, strict=False):
        parts += _drawn(axes, kind, one.found)
    parts += [
        Markup('<path class="limit" d="M{} {}H{}"/>').format(axes.left, axes.y(limit), axes.right) for limit in limits
    ]
    return frame(wide, high, _said(series, limits), parts)


def _drawn(axes: Axes, kind: str, found: Sequence[Found]) -> Iterator[Markup]:
    there = [(axes.x(one.until), one) for one in found if one.value is not None]
    sure = [(x, axes.y(one.low), axes.y(one.high)) for x, one in there if one.low is not None and one.high is not None]
    if len(sure) > 1:
        edge = [f"{x} {top}" for x, _, top in sure] + [f"{x} {low}" for x, low, _ in reversed(sure)]
        yield Markup('<path class="sure {}" d="M{}Z"/>').format(kind, "L".join(edge))
    elif sure:
        ((x, low, top),) = sure
        yield Markup('<path class="line {}" d="M{} {}V{}"/>').format(kind, x, low, top)
    points = [(x, axes.y(one.value)) for x, one in there if one.value is not None]
    if not points:  # browsers call a path of nothing a mistake
        return
    yield Markup('<path class="line {}" d="M{}"/>').format(kind, "L".join(f"{x} {y}" for x, y in points))
    if len(points) < _DOTS:
        for x, y in points:
            yield Markup('<circle class="point {}" cx="{}" cy="{}" r="2.2"/>').format(kind, x, y)


def _said(series: Sequence[Series], limits: Sequence[float]) -> str:
    said = []
    for one in series:
        there = [f.value for f in one.found if f.value is not None]
        if there:
            said.append(f"{one.name}: {len(there)} values, from {number(there[0])} to {number(there[-1])}")
    said += [f"the limit is {number(limit)}" for limit in limits]
    return "; ".join(said) + "; the table has the numbers"
