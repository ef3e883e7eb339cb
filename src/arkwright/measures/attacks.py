"""Known attacks on an endpoint, seen in who asks for what: the model is copied, or fed what it never saw.

They are patterns and no proofs: an honest caller may look so, and who knows the limits can stay below them. Nobody is
named here; the predictions say who asked.
"""

from typing import NamedTuple

import numpy as np

from arkwright.core.counted import many
from arkwright.core.errors import Invalid
from arkwright.core.promises import Reading
from arkwright.measures import divergence, intervals
from arkwright.measures.callers import Caller
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.registry import endpoint_measure
from arkwright.measures.sketch import Sketch
from arkwright.measures.window import Window

_TELLS = 0.1  # how far from evenly spread a column of the reference must be, to tell even spreading from its own
_BY_CHANCE = 0.25  # of honest rows that equal another in all columns but one, at most: half of them is no chance then
_HALF = 0.5


class _Signs(NamedTuple):
    """The share of the columns over which a caller's rows are spread evenly, and of the rows that probe."""

    spread: float
    probing: float


@endpoint_measure(
    source="Breck et al. 2019; by chance Wilks 1941; interval Wilson 1927, Bonferroni 1936",
    words=(
        "of the rows of any one caller[ with {at_least} or more], {limit:share} have a value that the model was never "
        "judged on"
    ),
)
def out_of_distribution(window: Window, at_least: int = 100) -> Reading:
    """The largest share of one caller's rows with a value outside the reference, among callers with `at_least` rows.

    Outside is a number below its smallest or above its largest, or a word in fewer than five of its rows; a column
    where more than 1 % of the reference's own words are such tells nothing. The note says what chance alone gives.
    Interval: as of `worst_group`, so that among many callers the luckiest is no flood.
    """
    asking = _asking(window, at_least)
    outside, rows = np.array([(one.outside, one.rows) for one in asking], np.float64).T
    shares, (lows, highs) = outside / rows, intervals.wilsons(outside, rows, intervals.Z)
    low, high = sorted(-end for end in intervals.of_smallest(-shares, -highs, -lows))
    worst = int(shares.argmax())
    assert window.callers
    note = f"by chance up to {window.callers.by_chance:.3g} are expected; {_of(window, at_least)}"
    return Reading(shares[worst], max(0.0, low), min(1.0, high), n=asking[worst].rows, note=note)


@endpoint_measure(
    source="Tramèr et al. 2016; Juuti et al. 2019 (PRADA); distances Kolmogorov 1933",
    words="the number of callers[ with {at_least:row} or more] who ask as one does who copies the model is {limit}",
)
def extraction_like(window: Window, at_least: int = 1000) -> Reading:
    """The number of callers whose rows look made up to copy the model, among those with `at_least` different rows.

    Either they are spread evenly: in half of the numeric columns, and two at least, they are further from the reference
    than from an even spread over its range, by more than chance. Or they probe: half of them equal another row of the
    caller in all columns but one, and of honest ones hardly any would by chance. Columns that cannot tell the one from
    the other do not count.
    """
    signs = [(one, _signs(window, one, at_least)) for one in _asking(window, at_least)]
    found = [(one, sign) for one, sign in signs if sign is not None and max(sign) >= _HALF]
    if not any(sign is not None for _, sign in signs):
        raise Undefined(f"no caller asked for {at_least} different rows with columns that can tell")
    said = [
        f"{many(one.rows, 'row')} "
        + (
            f"spread evenly over {sign.spread:.0%} of the columns"
            if sign.spread >= _HALF
            else f"of which {sign.probing:.0%} probe"
        )
        for one, sign in found[:3]
    ]
    return Reading(len(found), note="; ".join([*said, _of(window, at_least)]))


def _asking(window: Window, at_least: int) -> list[Caller]:
    if at_least < 1:
        raise Invalid(f"at_least={at_least} is a number of rows; give 1 or more")
    if window.callers is None:
        raise Undefined("it was not looked at who asked")
    found = [one for one in window.callers.callers if one.rows >= at_least]
    if not found:
        raise Undefined(f"no caller asked for {at_least} rows")
    return found


def _of(window: Window, at_least: int) -> str:
    assert window.callers
    asked = sum(one.rows >= at_least for one in window.callers.callers)
    return f"{asked} of {many(len(window.callers.callers), 'caller')} with {at_least} rows or more"


def _signs(window: Window, caller: Caller, at_least: int) -> _Signs | None:
    """None where there are too few different rows, or no two columns that can tell."""
    if not caller.sample:
        return None
    rows = np.unique(np.column_stack(list(caller.sample.values())), axis=0)
    if len(rows) < at_least:
        return None
    known = [window.reference[name] for name in caller.sample]
    spread = [
        told
        for before, column in zip(known, rows.T, strict=True)
        if before.of_numbers and (told := _even(before, column)) is not None
    ]
    probing = _probing(rows, np.array([_alike(before) for before in known]))
    if len(spread) < 2 and probing is None:
        return None
    return _Signs(float(np.mean(spread)) if sum(spread) >= 2 else 0.0, probing or 0.0)


def _even(before: Sketch, column: Array) -> bool | None:
    """Whether (n,) numbers are nearer to an even spread over the reference's range than to the reference, by more than
    chance; None where the reference itself is spread too evenly to tell.
    """
    assert before.edges is not None
    there = np.sort(column[np.isfinite(column)])
    if not len(there) or not before.low < before.high:
        return None
    edges = before.edges
    own = np.searchsorted(there, edges) / len(there)
    reference = np.cumsum(before.counts)[:-1] / max(1, before.n)
    even = np.clip((edges - before.low) / (before.high - before.low), 0, 1)
    if np.abs(reference - even).max() < _TELLS:
        return None
    band = divergence.KOLMOGOROV * np.sqrt(1 / len(there) + 1 / before.n)
    return bool(np.abs(own - reference).max() - np.abs(own - even).max() > band)


def _probing(rows: Array, alike: Array) -> float | None:
    """The share of (n, k) different rows that equal another one in all columns but one, of those without which rows are
    hardly alike by chance; None where there is no such column. `alike`: (k,), as of `_alike`.
    """
    n, k = rows.shape
    rest = np.array([np.prod(np.delete(alike, left_out)) for left_out in range(k)])
    tells = np.flatnonzero(n * k * rest <= _BY_CHANCE)
    seen = np.zeros(n, bool)
    for left_out in tells:
        _, back, counts = np.unique(np.delete(rows, left_out, axis=1), axis=0, return_inverse=True, return_counts=True)
        seen |= counts[back.reshape(-1)] > 1
    return float(seen.mean()) if len(tells) else None


def _alike(before: Sketch) -> float:
    """The chance that two rows of the reference have about the same value."""
    shares = np.append(before.counts, before.missing) / max(1, before.rows)
    return float(shares @ shares)
