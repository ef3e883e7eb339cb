"""How far off a regression is expected to be, before anybody knows what was right: direct loss estimation (DLE).

Of each row that came, a loss model says what the absolute and the squared error are likely to be; here are the sums of
what it said. They hold while errors depend on the inputs as they did: where other things follow from the same inputs,
only labels show it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from arkwright.core.promises import Reading
from arkwright.measures import intervals
from arkwright.measures.evaluation import Array

ABSOLUTE, SQUARED = 0, 1
MEASURES: Mapping[str, int] = {"mae": ABSOLUTE, "mse": SQUARED, "rmse": SQUARED}
ROWS, WEIGHTS, LOSS, SPREAD, SQUARE, OFF = range(6)


@dataclass(frozen=True, slots=True)
class Losses:
    """Of each group, `""` for all and `carrier=UA` for one, (2, 5 + k) sums, first of the absolute error, then of the
    squared one: rows, squared weights, the expected loss, its square, what the loss squared is expected to be, and k
    deviations: what the loss model may be wrong by, each independent of the others.

    A row that stands for several has their number as its weight.
    """

    sums: Mapping[str, Array]

    def __add__(self, other: "Losses") -> "Losses":
        both = {name: one + other.sums[name] for name, one in self.sums.items() if name in other.sums}
        return Losses({**self.sums, **other.sums, **both})

    def rows(self, group: str) -> int:
        return round(self.sums[group][0, ROWS]) if group in self.sums else 0


def expected(losses: Losses, name: str, group: str, choices: int) -> Reading:
    """One of `MEASURES`. Interval: what rows of this kind bring by chance, those that were looked at, and what the loss
    model may be wrong by, together, normal for the logarithm; widened for a choice among so many groups (Bonferroni).
    """
    one = losses.sums[group][MEASURES[name]]
    n = one[ROWS]
    value = one[LOSS] / n
    chance = max(one[SQUARE] - one[SPREAD], 0) / n**2
    looked = max(one[SPREAD] / n - value**2, 0) * one[WEIGHTS] / n**2
    off = one[OFF:] / n
    z = NormalDist().inv_cdf(1 - 0.025 / choices)
    known = z * intervals.student(len(off) - 1) / intervals.Z
    half = math.hypot(z * math.sqrt(chance + looked), known * math.sqrt(off @ off)) / value
    power = 0.5 if name == "rmse" else 1.0
    low, middle, high = ((value * math.exp(by)) ** power for by in (-half, 0.0, half))
    return Reading(middle, low, high, n=round(n), note="estimated without labels")
