"""How far off a regression is expected to be, before anybody knows what was right: direct loss estimation (DLE).

Of each row that came, a loss model says what the absolute and the squared error are likely to be; here are the sums of
what it said. They hold while errors depend on the inputs as they did: where other things follow from the same inputs,
only labels show it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

from arkwright.core.promises import Reading
from arkwright.measures import intervals
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.scores import ALL

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


def whole(losses: Losses | None, name: str) -> Reading:
    """Of all rows. Raises Undefined where nothing is kept."""
    return expected(_there(losses), name, ALL, 1)


def worst(losses: Losses | None, name: str, by: str, at_least: int) -> Reading:
    """In the group of `by` where it is largest. Interval: of whichever comes true as the largest one, up to the
    farthest end of any group, and down to the nearest one, widened for their number (Bonferroni). Raises Undefined
    where none has enough rows.
    """
    told = _there(losses)
    groups = [group for group in told.sums if group.startswith(f"{by}=") and told.rows(group) >= at_least]
    if not groups:
        raise Undefined(f"no group of {by} has {at_least} rows")
    found = {group: expected(told, name, group, len(groups)) for group in groups}
    group = max(found, key=lambda one: found[one].value or 0.0)
    low, high = (max(getattr(one, end) for one in found.values()) for end in ("low", "high"))
    value = found[group].value or 0.0
    return replace(found[group], low=min(low, value), high=high, note=f"{group}, of {len(found)} groups")


def _there(losses: Losses | None) -> Losses:
    if losses is None or not losses.rows(ALL):
        raise Undefined(
            "no row came whose error can be estimated, or the release keeps nothing to estimate errors by: it is no "
            "regression, was judged on fewer than 40 rows, or was made before that was kept (then: arkwright run)"
        )
    return losses


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
