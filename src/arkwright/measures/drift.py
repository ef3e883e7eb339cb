"""Whether what comes is still what the release was judged on: a measure for each common distance.

Each compares a column of a window with the same column of the reference, `bins` cells of about as many reference rows
each; empty cells are one more, where there are any. `prediction` is what was answered, `score` with what probability.
"""

from dataclasses import replace

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import contingency, divergence
from arkwright.measures.cells import EVERY, of_both
from arkwright.measures.distances import HELLINGER, JENSEN_SHANNON, PSI, Distance, pearson
from arkwright.measures.divergence_interval import interval
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.operations import (  # noqa: F401 - they come through this door
    cost_per_thousand,
    error_rate,
    refused_rate,
    requests,
    requests_per_second,
    saturation,
)
from arkwright.measures.registry import Column, endpoint_measure
from arkwright.measures.sketch import Sketch
from arkwright.measures.unseen import new_values, out_of_range  # noqa: F401 - they come through this door
from arkwright.measures.window import Window

_INTERVAL = "interval Salicrú et al. 1994, Read 2002, of rare cells Clopper and Pearson 1934"


@endpoint_measure(
    source=f"Siddiqi 2006; {_INTERVAL}",
    words=(
        "the population stability index of {column} (0 is no change, 0.25 a great one) is {limit}[, over {bins:bin}]"
    ),
)
def psi(window: Window, column: Column, bins: int = 10) -> Reading:
    """The population stability index of a column. The note says what chance alone stays under with so many rows.

    Interval: of the noncentral chi-square that it follows, of cells with few rows exact. A single row keeps and breaks
    next to nothing. A cell that is empty on one side counts as half a row there.
    """
    p, q = cells(window, column, bins)
    value = divergence.psi(p, q)
    low, high = interval(PSI, p, q)
    return Reading(value, low, high, n=int(q.sum()), note=_by_chance(2, p, q))


@endpoint_measure(
    source=f"Lin 1991; Endres and Schindelin 2003; {_INTERVAL}",
    words="the Jensen-Shannon distance of {column} (0 is no change, 1 the greatest) is {limit}[, over {bins:bin}]",
)
def jensen_shannon(window: Window, column: Column, bins: int = 10) -> Reading:
    """The Jensen-Shannon distance (base 2) of a column, 0 to 1. Interval: as of `psi`, of its square."""
    p, q = cells(window, column, bins)
    return _rooted(JENSEN_SHANNON, p, q)


@endpoint_measure(
    source=f"Hellinger 1909; {_INTERVAL}",
    words="the Hellinger distance of {column} (0 is no change, 1 the greatest) is {limit}[, over {bins:bin}]",
)
def hellinger(window: Window, column: Column, bins: int = 10) -> Reading:
    """The Hellinger distance of a column, 0 to 1. Interval: as of `psi`, of its square."""
    p, q = cells(window, column, bins)
    return _rooted(HELLINGER, p, q)


@endpoint_measure(
    source="L-infinity (Chebyshev) distance; interval Newcombe 1998, Bonferroni 1936",
    words="the share of any one value of {column} moved by {limit:points}[, of numbers over {bins:bin}]",
)
def largest_change(window: Window, column: Column, bins: int = 10) -> Reading:
    """The largest change of the share of any one value (L-infinity), or of any one bin of numbers."""
    p, q = cells(window, column, bins if window.pair(column)[0].of_numbers else EVERY)
    low, high = divergence.largest_interval(p, q)
    return Reading(divergence.largest_difference(p, q), low, high, n=int(q.sum()))


@endpoint_measure(
    source="Kolmogorov 1933; Smirnov 1939; interval by Kolmogorov's band",
    words="the distribution of {column} moved by {limit:points} at its farthest point",
)
def ks(window: Window, column: Column) -> Reading:
    """The two-sample Kolmogorov-Smirnov distance of a numeric column; the note has its p-value.

    Taken between the bins of the reference, which is at most a bin's share below the exact one.
    """
    before, now = _numbers(window, column)
    value = divergence.kolmogorov_smirnov(before.counts, now.counts)
    low, high = divergence.kolmogorov_interval(value, before.n, now.n)
    chance = divergence.kolmogorov_p(value, before.n, now.n)
    return Reading(value, low, high, n=now.n, note=f"p = {chance:.3g}")


@endpoint_measure(
    source="Vallender 1974; interval del Barrio, Giné and Matrán 1999",
    words="the values of {column} moved by {limit} on average (earth mover's distance)",
)
def wasserstein(window: Window, column: Column) -> Reading:
    """The earth mover's distance of a numeric column, in its own unit: how far its values moved on average."""
    before, now = _numbers(window, column)
    assert before.edges is not None
    given = before.counts, now.counts, before.edges, min(before.low, now.low), max(before.high, now.high)
    value = divergence.wasserstein(*given)
    low, high = divergence.wasserstein_interval(value, *given)
    return Reading(value, low, high, n=now.n)


@endpoint_measure(
    source=f"Pearson 1900; Cramér 1946; {_INTERVAL}",
    words=(
        "the mix of values of {column} changed by {limit} (Cramér's V: 0 is no change, 1 the greatest)"
        "[, over {bins:bin}]"
    ),
)
def chi_square(window: Window, column: Column, bins: int = 10) -> Reading:
    """Pearson's chi-square of a column as an effect, Cramér's V, 0 to 1; the note has the statistic and its p-value."""
    p, q = cells(window, column, bins)
    statistic, freedom = divergence.chi_square(p, q)
    chance, (n, m) = divergence.chi_square_p(statistic, freedom), (float(side.sum()) for side in (p, q))
    found = _rooted(pearson(m / (n + m)), p, q)
    note = f"chi-square {statistic:.6g}, {freedom} degrees of freedom, p = {chance:.3g}"
    return replace(found, note=note)


@endpoint_measure(
    source="Kolmogorov 1933; Pearson 1900; for the number of columns Holm 1979",
    words="{limit:column have} drifted[, by {effect} or more][, at a rate of false alarms of {alpha}]",
)
def drifted_columns(window: Window, alpha: float = 0.05, effect: float = 0.0) -> Reading:
    """How many columns drifted: Kolmogorov-Smirnov of numbers, chi-square of words, Holm-adjusted for their number.

    Where nothing changed, any is found in at most `alpha` of all windows, however many columns there are. With many
    rows every change is certain, however small: `effect` leaves out distances (Cramér's V of words) below it. The note
    has the distance of each, the furthest first. Dates, times and what alone tells the rows of the data apart always
    move, and are left out.
    """
    if not 0 < alpha < 1:
        raise Invalid(f"alpha={alpha} is the share of false alarms; give one between 0 and 1, such as 0.05")
    columns = [column for column in window.columns if column not in window.moving]
    if not columns:
        raise Undefined("no column can be compared")
    tried = [significance(window, column) for column in columns]
    adjusted = holm([chance for chance, _ in tried])
    found = sorted(  # with many rows every p-value is 0: the distance tells which column explains it
        (-by, column, chance)
        for chance, column, (_, by) in zip(adjusted, columns, tried, strict=True)
        if chance < alpha and by >= effect
    )
    note = ", ".join(f"{column} {-by:.2g} (p = {chance:.2g})" for by, column, chance in found[:10])
    return Reading(float(len(found)), n=max(window.current[c].rows for c in columns), note=note or "none")


def significance(window: Window, column: str) -> tuple[float, float]:
    """(p-value, effect 0 to 1) of the test that fits the column: Kolmogorov-Smirnov of numbers, else chi-square."""
    before, now = window.pair(column)
    if before.of_numbers and before.n and now.n:
        value = divergence.kolmogorov_smirnov(before.counts, now.counts)
        return divergence.kolmogorov_p(value, before.n, now.n), value
    p, q = cells(window, column, 50, contingency.ENOUGH)
    return contingency.chance(p, q), divergence.cramers_v(p, q)


def holm(chances: list[float]) -> list[float]:
    """p-values adjusted for their number, each at most 1: those under alpha hold together with 1 - alpha. Holm 1979."""
    order = np.argsort(chances, kind="stable")
    raised = np.array(chances)[order] * np.arange(len(chances), 0, -1)
    adjusted = np.empty(len(chances))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(raised))
    return [float(chance) for chance in adjusted]


def _rooted(distance: Distance, p: Array, q: Array) -> Reading:
    value, low, high = (float(np.sqrt(x)) for x in (distance(p, q), *interval(distance, p, q)))
    return Reading(value, low, high, n=int(q.sum()))


def _by_chance(curvature: float, p: Array, q: Array) -> str:
    return f"where nothing changed, 95 % of such windows stay under {divergence.critical(curvature, p, q):.3g}"


def _numbers(window: Window, column: str) -> tuple[Sketch, Sketch]:
    before, now = window.pair(column)
    if not before.of_numbers:
        raise Undefined(f"{column} holds words, which have no order; psi and chi_square compare them")
    if not before.n or not now.n:
        raise Undefined(f"there are no numbers in {column}")
    return before, now


def cells(window: Window, column: str, bins: int, least: float = 0) -> tuple[Array, Array]:
    """(reference, window) counts in at most so many cells, and one of what is missing where anything is. `least`: rows
    to be expected of a word on either side, or it has no cell of its own.
    """
    if (column, bins, least) not in window.cut:
        before, now = window.pair(column)
        window.cut[column, bins, least] = counts(before, now, of_both(before, now, bins, least))
    return window.cut[column, bins, least]


def counts(before: Sketch, now: Sketch, of: Array) -> tuple[Array, Array]:
    """The same, `of` being the cell of each bin."""
    p, q = (np.bincount(of, side.counts, of.max() + 1) for side in (before, now))
    if before.missing or now.missing:
        p, q = np.append(p, before.missing), np.append(q, now.missing)
    return p, q
