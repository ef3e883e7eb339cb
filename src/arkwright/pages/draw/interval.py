"""A finding as people see it: where the limit is, which side is right, and how sure one is of what was found."""

from collections.abc import Callable

from markupsafe import Markup

from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Finding
from arkwright.core.promises import Bound, parse
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import number

WIDE, HIGH = 240, 30
_LEFT, _RIGHT, _Y = 4, WIDE - 4, 11
TONES = {"kept": "good", "broken": "bad", "unproven": "open"}


def interval(finding: Finding) -> Markup:
    """The limit as a dashed line, the right side as a band, the 95 % interval as a bar, the value as a dot."""
    if finding.value is None:
        return Markup("")
    try:
        bounds = parse(finding.promise).bounds
    except ArkwrightError:
        return Markup("")
    low, high = finding.low, finding.high
    marks = [finding.value, *(b.limit for b in bounds), *(x for x in (low, high) if x is not None)]
    start, end = min(marks), max(marks)
    room = (end - start) * 0.18 or abs(end) * 0.1 or 1.0
    start, end = start - room, end + room

    def x(value: float) -> float:
        return round(_LEFT + (value - start) / (end - start) * (_RIGHT - _LEFT), 1)

    tone = TONES.get(finding.verdict, "open")
    parts = [_band(bounds, x), _line("track", _LEFT, _RIGHT, _Y)]
    if low is not None and high is not None:
        parts.append(_line(f"range {tone}", x(low), max(x(high), x(low) + 0.5), _Y))
    parts.append(Markup('<circle class="dot {}" cx="{}" cy="{}" r="4.5"/>').format(tone, x(finding.value), _Y))
    for bound in bounds:
        at = x(bound.limit)
        anchor = "start" if at < WIDE / 3 else "end" if at > WIDE * 2 / 3 else "middle"
        parts.append(Markup('<path class="limit" d="M{} 2V{}"/>').format(at, _Y + 9))
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="{}">{} {}</text>').format(
                at, HIGH, anchor, _SIGNS[bound.op], number(bound.limit)
            )
        )
    return frame(WIDE, HIGH + 2, _said(finding, bounds), parts)


_SIGNS = {">=": "≥", ">": ">", "<=": "≤", "<": "<", "==": "="}


def _band(bounds: tuple[Bound, ...], place: Callable[[float], float]) -> Markup:
    """The side on which the promise is kept."""
    left, right = float(_LEFT), float(_RIGHT)
    for bound in bounds:
        at = place(bound.limit)
        if bound.op in (">=", ">"):
            left = max(left, at)
        elif bound.op in ("<=", "<"):
            right = min(right, at)
        else:
            left, right = at - 1, at + 1
    return Markup('<rect class="band" x="{}" y="3" width="{}" height="16" rx="3"/>').format(
        round(left, 1), round(max(right - left, 0), 1)
    )


def _line(kind: str, left: float, right: float, y: float) -> Markup:
    return Markup('<path class="{}" d="M{} {}H{}"/>').format(kind, left, y, right)


def _said(finding: Finding, bounds: tuple[Bound, ...]) -> str:
    text = f"found {number(finding.value)}"
    if finding.low is not None and finding.high is not None:
        text += f", 95 % interval {number(finding.low)} to {number(finding.high)}"
    limits = " and ".join(f"{_SIGNS[b.op]} {number(b.limit)}" for b in bounds)
    return f"{text}; the limit is {limits}"
