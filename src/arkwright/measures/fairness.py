"""Who is treated worse: a measure taken in each group of rows, and the groups compared.

Groups with fewer than `at_least` rows are judged together as "(others)", so that nobody goes unjudged. A group is left
out only where even that is too small or the measure is undefined in it; the note says which and why.
"""

from dataclasses import dataclass

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import intervals
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.labels import positive_rate
from arkwright.measures.registry import Column, Score, model_measure

OTHERS = "(others)"
_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class _Groups:
    """The g groups judged, and what was found in each."""

    names: list[str]
    rows: Array  # (g,)
    values: Array  # (g,)
    lows: Array  # (g,)
    highs: Array  # (g,)
    left_out: list[str]  # a sentence each

    def said(self, *which: int) -> str:
        """Which groups these are, and who was left out."""
        named = [f"{self.names[i]} {self.values[i]:.6g} ({self.rows[i]} rows)" for i in which]
        text = " against ".join(named) + f", of {len(self.names)} groups"
        text += "".join(f"; {sentence}" for sentence in self.left_out)
        return text if len(text) <= _LONGEST_NOTE else text[:_LONGEST_NOTE] + " …"


@model_measure(
    source="Sagawa et al. 2020; interval Bonferroni 1936",
    words=("in the worst-served group of {by}[, those of fewer than {at_least:row} taken together]: {score:said}"),
)
def worst_group(evaluation: Evaluation, score: Score, by: Column, at_least: int = 50) -> Reading:
    """The measure in the group of `by` where it is worst: smallest, or largest where small is good.

    Interval: up to the least favourable end of any group, and on the other side to the nearest end that remains when
    every group's interval is widened for the choice among them.
    """
    _check(at_least)
    if score.larger_is_better is None:
        raise Invalid(f"{score.name} has no worse side; ask for gap({score.name}, by={by})")
    groups = _judge(evaluation, score, by, at_least, fewest=1)
    up = 1.0 if score.larger_is_better else -1.0
    values = up * groups.values
    lows, highs = (groups.lows, groups.highs) if up > 0 else (-groups.highs, -groups.lows)
    worst, low = int(values.argmin()), float(lows.min())
    high = min(float(intervals.widened(values, highs, len(values)).min()), float(highs.max()))
    low, high = sorted((up * low, up * max(high, float(values[worst]))))
    return Reading(float(groups.values[worst]), low, high, n=len(evaluation.truth), note=groups.said(worst))


@model_measure(
    source="Hardt et al. 2016; interval Newcombe 1998, Bonferroni 1936",
    larger_is_better=False,
    words=(
        "between any two groups of {by}"
        "[, those of fewer than {at_least:row} taken together], {score} differs by {limit:gap}"
    ),
)
def gap(evaluation: Evaluation, score: Score, by: Column, at_least: int = 50) -> Reading:
    """The largest difference of the measure between two groups of `by`.

    Interval: of the difference of each pair (square and add); the high end is the largest of all pairs, the low end
    the largest after every pair's interval is widened for the choice among them.
    """
    _check(at_least)
    groups = _judge(evaluation, score, by, at_least, fewest=2)
    most, least = int(groups.values.argmax()), int(groups.values.argmin())
    value = float(groups.values[most] - groups.values[least])
    below, above = groups.values - groups.lows, groups.highs - groups.values
    apart = groups.values[:, None] - groups.values[None, :]
    to_low = np.sqrt(below[:, None] ** 2 + above[None, :] ** 2)
    to_high = np.sqrt(above[:, None] ** 2 + below[None, :] ** 2)
    pairs = len(groups.names) * (len(groups.names) - 1)
    different = ~np.eye(len(groups.names), dtype=bool)
    low = max(0.0, float((apart - to_low * intervals.stretch(pairs // 2))[different].max()))
    high = float((apart + to_high)[different].max())
    return Reading(value, min(low, value), high, n=len(evaluation.truth), note=groups.said(most, least))


@model_measure(
    source="29 CFR 1607.4(D), the four-fifths rule; interval Newcombe 2001",
    tasks=("classification",),
    words=(
        "the group of {by} that is answered with yes least often is answered so {limit:share} as often"
        " as the one that is most often[; groups of fewer than {at_least:row} count as one]"
    ),
)
def selection_rate_ratio(evaluation: Evaluation, by: Column, at_least: int = 50) -> Reading:
    """The smallest rate of positive answers of any group of `by`, divided by the largest; 0.8 is the usual limit.

    Interval: of the ratio of each pair on the logarithm (square and add), chosen among as in `gap`.
    """
    _check(at_least)
    groups = _judge(evaluation, positive_rate, by, at_least, fewest=2)
    most, least = int(groups.values.argmax()), int(groups.values.argmin())
    if groups.values[most] == 0:
        raise Undefined(f"no group of {by} is ever answered positive")
    low, high = _ratio_interval(groups)
    value = float(groups.values[least] / groups.values[most])
    return Reading(value, min(low, value), max(high, value), n=len(evaluation.truth), note=groups.said(least, most))


def _ratio_interval(groups: _Groups) -> tuple[float, float]:
    """A rate of 0 has no logarithm: its ratio begins at 0 and ends at the quotient of the limits."""
    with np.errstate(divide="ignore", invalid="ignore"):
        at, low, high = np.log(groups.values), np.log(groups.lows), np.log(groups.highs)
        apart = at[:, None] - at[None, :]
        below, above = at - low, high - at
        to_low = np.sqrt(below[:, None] ** 2 + above[None, :] ** 2)
        to_high = np.sqrt(above[:, None] ** 2 + below[None, :] ** 2)
        pairs = len(at) * (len(at) - 1) // 2
        lows = np.exp(apart - to_low)
        highs = np.exp(apart + to_high * intervals.stretch(pairs))
        none = groups.values == 0
        lows[none, :] = 0.0
        highs[none, :] = groups.highs[none, None] / groups.lows[None, :]
        highs[:, none] = np.inf
        lows[:, none] = np.inf
    different = ~np.eye(len(at), dtype=bool)
    return float(lows[different].min()), min(1.0, float(highs[different].min()))


def _judge(evaluation: Evaluation, score: Score, by: str, at_least: int, fewest: int) -> _Groups:
    """The score in every group. Raises Undefined when fewer than `fewest` groups can be judged."""
    if by not in evaluation.groups:
        raise Undefined(f"the column {by} was not kept for comparing groups")
    if len(evaluation.truth) == 0:
        raise Undefined("there are no rows")
    names, rows, found, left_out = [], [], [], []
    for name, members in _members(evaluation.groups[by], at_least):
        if len(members) < at_least:
            left_out.append(f"{name} left out: {len(members)} rows, fewer than {at_least}")
            continue
        reading = score(evaluation.take(members))
        if reading.value is None:
            left_out.append(f"{name} left out: {reading.note}")
            continue
        names.append(name)
        rows.append(len(members))
        ends = [reading.value if end is None else end for end in (reading.low, reading.high)]
        found.append((reading.value, *ends))
    if len(names) < fewest:
        why = "; ".join(left_out)
        wanted = "two groups" if fewest == 2 else "a group"
        raise Undefined(
            f"{wanted} of {by} to judge {score.name} in is missing{': ' + why if why else ''}"[:_LONGEST_NOTE]
        )
    values, lows, highs = np.array(found).T
    return _Groups(names, np.array(rows), values, lows, highs, left_out)


def _members(column: Array, at_least: int) -> list[tuple[str, Array]]:
    """(name, row numbers) of each group, in the order of their names; small ones together at the end."""
    codes, names = _factorize(column)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(names))
    parts = dict(zip(names, np.split(order, np.cumsum(counts)[:-1]), strict=True))
    large = sorted((name, rows) for name, rows in parts.items() if len(rows) >= at_least)
    small = [rows for rows in parts.values() if len(rows) < at_least]
    return [*large, (OTHERS, np.sort(np.concatenate(small)))] if small else large


def _factorize(column: Array) -> tuple[Array, list[str]]:
    """(n,) codes and the name of each; None and NaN are one group, "(missing)", and what is spelt alike is alike."""
    known: dict[str, int] = {}
    codes = np.empty(len(column), np.int64)
    for i, value in enumerate(column.tolist()):
        name = "(missing)" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN
        codes[i] = known.setdefault(name, len(known))
    return codes, list(known)


def _check(at_least: int) -> None:
    if at_least < 1:
        raise Invalid(f"at_least={at_least}: a group has at least 1 row")
