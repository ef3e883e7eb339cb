"""Who is treated worse: a measure taken in each group of rows, and the groups compared.

`by` is a column, or several: then a group is what they have together, such as `carrier=UA, origin=JFK`. Groups with
fewer than `at_least` rows are judged together as "(others)", so that nobody goes unjudged. A group is left out only
where even that is too small or the measure is undefined in it; the note says which and why.
"""

from dataclasses import dataclass

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import groups as groups_of
from arkwright.measures import intervals
from arkwright.measures.evaluation import Array, Evaluation, Undefined
from arkwright.measures.groups import By
from arkwright.measures.labels import positive_rate
from arkwright.measures.registry import Column, Score, model_measure
from arkwright.measures.tally import Part

_LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class _Groups:
    """The g groups judged, and what was found in each."""

    names: list[str]
    rows: list[str]  # how many, and what the measure says of them
    values: Array  # (g,)
    lows: Array  # (g,)
    highs: Array  # (g,)
    left_out: list[str]  # a sentence each

    def said(self, *which: int) -> str:
        """Which groups these are, and who was left out."""
        named = [f"{self.names[i]} {self.values[i]:.6g} ({self.rows[i]})" for i in which]
        text = " against ".join(named) + f", of {len(self.names)} groups"
        text += "".join(f"; {sentence}" for sentence in self.left_out)
        return text if len(text) <= _LONGEST_NOTE else text[:_LONGEST_NOTE] + " …"


@model_measure(
    source="Sagawa et al. 2020; interval Bonferroni 1936",
    words=("in the worst-served group of {by:and}[, those of fewer than {at_least:row} taken together]: {score:said}"),
)
def worst_group(evaluation: Evaluation, score: Score, by: Column | tuple[Column, ...], at_least: int = 50) -> Reading:
    """The measure in the group of `by` where it is worst: smallest, or largest where small is good.

    Interval: up to the least favourable end of any group, and on the other side to the nearest end that remains when
    every group's interval is widened for the choice among them.
    """
    _check(at_least)
    if score.larger_is_better is None:
        raise Invalid(f"{score.name} has no worse side; ask for gap({score.name}, by={_spelt(by)})")
    groups = _judge(evaluation, score, by, at_least, fewest=1)
    up = 1.0 if score.larger_is_better else -1.0
    values = up * groups.values
    lows, highs = (groups.lows, groups.highs) if up > 0 else (-groups.highs, -groups.lows)
    low, high = sorted(up * end for end in intervals.of_smallest(values, lows, highs))
    worst = int(values.argmin())
    return Reading(float(groups.values[worst]), low, high, n=len(evaluation), note=groups.said(worst))


@model_measure(
    source="Hardt et al. 2016; interval Newcombe 1998, Bonferroni 1936",
    larger_is_better=False,
    words=(
        "between any two groups of {by:and}"
        "[, those of fewer than {at_least:row} taken together], {score} differs by {limit:gap}"
    ),
)
def gap(evaluation: Evaluation, score: Score, by: Column | tuple[Column, ...], at_least: int = 50) -> Reading:
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
    return Reading(value, min(low, value), high, n=len(evaluation), note=groups.said(most, least))


@model_measure(
    source="29 CFR 1607.4(D), the four-fifths rule; interval Newcombe 2001",
    tasks=("classification",),
    of_answers=True,
    words=(
        "the group of {by:and} that is answered with yes least often is answered so {limit:share} as often"
        " as the one that is most often[; groups of fewer than {at_least:row} count as one]"
    ),
)
def selection_rate_ratio(evaluation: Evaluation, by: Column | tuple[Column, ...], at_least: int = 50) -> Reading:
    """The smallest rate of positive answers of any group of `by`, divided by the largest; 0.8 is the usual limit.

    Interval: of the ratio of each pair on the logarithm (square and add), chosen among as in `gap`.
    """
    _check(at_least)
    groups = _judge(evaluation, positive_rate, by, at_least, fewest=2)
    most, least = int(groups.values.argmax()), int(groups.values.argmin())
    if groups.values[most] == 0:
        raise Undefined(f"no group of {groups_of.said(by)} is ever answered positive")
    low, high = _ratio_interval(groups)
    value = float(groups.values[least] / groups.values[most])
    return Reading(value, min(low, value), max(high, value), n=len(evaluation), note=groups.said(least, most))


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


def _judge(evaluation: Evaluation, score: Score, by: By, at_least: int, fewest: int) -> _Groups:
    """The score in every group. Raises Undefined when fewer than `fewest` groups can be judged."""
    if len(evaluation) == 0:
        raise Undefined("there are no rows")
    told = groups_of.groups(evaluation, by, at_least)
    names, rows, found, left_out = [], [], [], []
    for number, (name, size) in enumerate(zip(told.names, told.sizes.tolist(), strict=True)):
        if size < at_least:
            left_out.append(f"{name} left out: {size} rows, fewer than {at_least}")
            continue
        part = Part(evaluation, told, number)
        reading = score(part if score.counted else part.rows())
        if reading.value is None:
            left_out.append(f"{name} left out: {reading.note}")
            continue
        names.append(name)
        rows.append(f"{size} rows" + (f"; {reading.note}" if reading.note else ""))
        ends = [reading.value if end is None else end for end in (reading.low, reading.high)]
        found.append((reading.value, *ends))
    if len(names) < fewest:
        why = "; ".join(left_out)
        wanted = "two groups" if fewest == 2 else "a group"
        of = groups_of.said(by)
        raise Undefined(
            f"{wanted} of {of} to judge {score.name} in is missing{': ' + why if why else ''}"[:_LONGEST_NOTE]
        )
    values, lows, highs = np.array(found).T
    return _Groups(names, rows, values, lows, highs, left_out)


def _spelt(by: By) -> str:
    return by if isinstance(by, str) else f"({', '.join(by)})"


def _check(at_least: int) -> None:
    if at_least < 1:
        raise Invalid(f"at_least={at_least}: a group has at least 1 row")
