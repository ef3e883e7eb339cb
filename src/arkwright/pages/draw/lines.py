"""A few numbers over time or over a range, without axes: spark lines and histograms."""

from collections.abc import Sequence

from markupsafe import Markup

from arkwright.data.profile.types import Histogram
from arkwright.pages.draw.frame import frame
from arkwright.pages.words import number


def spark(values: Sequence[float | None], *, wide: int = 120, high: int = 28, limit: float | None = None) -> Markup:
    """Values in order, the last one marked; `limit` dashed."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return Markup("")
    marks = [*known, *([limit] if limit is not None else [])]
    low, high_value = min(marks), max(marks)
    room = (high_value - low) or abs(high_value) or 1.0

    def place(at: int, value: float) -> tuple[float, float]:
        return round(3 + at / (len(values) - 1) * (wide - 6), 1), round(high - 4 - (value - low) / room * (high - 8), 1)

    points = [place(at, v) for at, v in enumerate(values) if v is not None]
    path = "M" + "L".join(f"{x} {y}" for x, y in points)
    parts = [Markup('<path class="spark" d="{}"/>').format(path)]
    if limit is not None:
        parts.insert(0, Markup('<path class="limit" d="M0 {}H{}"/>').format(place(0, limit)[1], wide))
    x, y = points[-1]
    parts.append(Markup('<circle class="here" cx="{}" cy="{}" r="2.5"/>').format(x, y))
    said = f"{len(known)} values, from {number(known[0])} to {number(known[-1])}"
    said += f", between {number(min(known))} and {number(max(known))}"
    return frame(wide, high, said, parts)


def histogram(found: Histogram, *, wide: int = 160, high: int = 36) -> Markup:
    """Bins of equal width; each says its rows when pointed at."""
    return bars(
        found.counts, said=f"histogram from {number_or(found.low)} to {number_or(found.high)}", wide=wide, high=high
    )


def bars(counts: Sequence[float], *, said: str, wide: int = 160, high: int = 36) -> Markup:
    """Bars from the ground up, as wide as there is room."""
    top, step = max(counts, default=0) or 1, wide / max(len(counts), 1)
    parts = [Markup('<path class="axis" d="M0 {}H{}"/>').format(high - 0.5, wide)]
    for at, count in enumerate(counts):
        tall = max(round(count / top * (high - 3), 1), 1.0 if count else 0.0)
        parts.append(
            Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                round(at * step + 0.5, 1), round(high - 1 - tall, 1), round(max(step - 1, 0.5), 1), tall, number(count)
            )
        )
    return frame(wide, high, f"{said}; {len(counts)} bars, the highest {number(top)}", parts)


def number_or(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)
