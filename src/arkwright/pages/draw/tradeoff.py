"""What a smaller model costs: each candidate's score, with its interval, against the time of one row."""

import math
from collections.abc import Callable, Sequence

from markupsafe import Markup

from arkwright.optimize.table import Candidate
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import number

WIDE, HIGH = 560, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, WIDE - 20, 16, HIGH - 40


def tradeoff(candidates: Sequence[Candidate], score: str) -> Markup:
    """Time to the right (each step ten times as long), score upwards; the area of a dot is the size in bytes."""
    shown = [c for c in candidates if c.score is not None and c.p50_ms]
    if len(shown) < 2:
        return Markup("")
    times = [math.log10(c.p50_ms or 1) for c in shown]
    scores = [v for c in shown for v in (c.score, c.low, c.high) if v is not None]
    left, right = _around(times)
    low, high = _around(scores)
    biggest = max(c.size_bytes for c in shown) or 1

    def x(ms: float) -> float:
        return round(_LEFT + (math.log10(ms) - left) / (right - left) * (_RIGHT - _LEFT), 1)

    def y(value: float) -> float:
        return round(_BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP), 1)

    parts = [Markup('<path class="axis" fill="none" d="M{} {}V{}H{}"/>').format(_LEFT, _TOP, _BOTTOM, _RIGHT)]
    parts += [
        _tick(_LEFT - 6, y(v) + 4, "end", number(v)) for v in (low + (high - low) * part for part in (0.1, 0.5, 0.9))
    ]
    decades = [10.0**e for e in range(math.floor(left), math.ceil(right) + 1) if left <= e <= right]
    parts += [_tick(x(v), _BOTTOM + 16, "middle", f"{v:g} ms") for v in decades]
    parts.append(
        _tick(
            (_LEFT + _RIGHT) / 2,
            HIGH - 6,
            "middle",
            "median time of one row, milliseconds (each step ten times as long)",
        )
    )
    parts.append(_tick(_LEFT, _TOP - 5, "start", score))
    labels: list[tuple[float, float]] = []
    for c in sorted(shown, key=lambda one: not one.chosen):  # the chosen one's name stands where it wants to
        radius = 4 + 9 * math.sqrt(c.size_bytes / biggest)
        parts += _dot(c, x(c.p50_ms or 1), y, radius, labels)
    return frame(
        WIDE, HIGH, f"{score} against time per row of {len(shown)} candidates; the table below has the numbers", parts
    )


def _dot(
    c: Candidate, at: float, y: Callable[[float], float], radius: float, labels: list[tuple[float, float]]
) -> list[Markup]:
    """The dot, its interval and its name, which goes up where another name stands already."""
    assert c.score is not None
    tone = "good" if c.chosen else "open"
    parts = []
    if c.low is not None and c.high is not None:
        parts.append(Markup('<path class="track" d="M{} {}V{}"/>').format(at, y(c.low), y(c.high)))
    title = f"{c.name}: {number(c.score)}, {number(c.p50_ms)} ms"
    parts.append(
        Markup('<circle class="dot {}" fill-opacity=".8" cx="{}" cy="{}" r="{}"><title>{}</title></circle>').format(
            tone, at, y(c.score), round(radius, 1), title
        )
    )
    anchor, side = ("end", -5) if at > WIDE * 0.7 else ("start", 5)
    spot = y(c.score) - radius - 5
    while any(abs(spot - there) < 13 and abs(at - beside) < WIDE * 0.4 for beside, there in labels):
        spot -= 14
    labels.append((at, spot))
    return [*parts, _tick(round(at + side, 1), round(spot, 1), anchor, c.name + (" ✓" if c.chosen else ""))]


def _around(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.15 or 0.5
    return low - room, high + room


def _tick(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(x, y, anchor, text)
