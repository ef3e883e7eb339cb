"""A place on a picture for a moment and a value, with the few words that stand along the edges."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from arkwright.pages.words import number

DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """Time to the right from `since` to `until`, values upwards from `low` to `high`, in a box within the picture."""

    since: float
    until: float
    low: float
    high: float
    left: float
    right: float
    top: float
    bottom: float

    def x(self, at: float) -> float:
        part = (at - self.since) / (self.until - self.since or 1)
        return round(self.left + min(max(part, 0), 1) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low or 1)
        return round(self.bottom - part * (self.bottom - self.top), 1)

    def drawn(self, *, times: int = 4) -> Iterator[Markup]:
        """The lines at the left and below, three values and some times."""
        yield Markup('<path class="axis" fill="none" d="M{} {}V{}H{}"/>').format(
            self.left, self.top, self.bottom, self.right
        )
        for part in (0.0, 0.5, 1.0):
            value = self.low + part * (self.high - self.low)
            yield text(self.left - 5, self.y(value) + 4, "end", number(float(f"{value:.3g}")))
        for step in range(times + 1):
            at = self.since + step / times * (self.until - self.since)
            anchor = "start" if step == 0 else "end" if step == times else "middle"
            yield text(self.x(at), self.bottom + 15, anchor, moment(at, self.until - self.since))


def moment(at: float, span: float) -> str:
    """UTC: the time of the day where the whole is no longer than two days, else the day."""
    found = datetime.fromtimestamp(at, UTC)
    return f"{found:%H:%M}" if span <= 2 * DAY else f"{found.day} {found:%b}"


def text(x: float, y: float, anchor: str, said: str, kind: str = "") -> Markup:
    return Markup('<text{} x="{}" y="{}" text-anchor="{}">{}</text>').format(
        Markup(' class="{}"').format(kind) if kind else "", x, y, anchor, said
    )
