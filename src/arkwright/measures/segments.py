"""Which groups explain that a model does worse: how many more rows of a group came (mix), and how much worse it is
answered (rate).

Both together are the whole change, whatever the number of groups (Kitagawa 1955): of a score that is a ratio of sums, a
group adds (w1 - w0) (r0 + r1) / 2 and (r1 - r0) (w0 + w1) / 2, with w its share of the denominator and r its own ratio.
The first is taken from the score of everything, or each group would be blamed for its size. An area under a curve is no
such ratio: there a group explains what of the change is gone without it, which does not add up. What is the root of one
is taken apart as that, and said in its own unit.

A group is named if it explains more than its share of the rows does, by more than chance: by draws of all counts,
adjusted for the number of groups looked at (Bonferroni).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from arkwright.core.where import Clause
from arkwright.measures import causes
from arkwright.measures.causes import ALPHA, LEAST, OTHERS, Explained, Part
from arkwright.measures.cells import Cells, beside
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.ratios import Ratio
from arkwright.measures.sides import Classified, Side, own

DRAWS = 100
FEW = "too few rows to tell why"
Named = tuple[tuple[str, tuple[Clause, ...]], ...]  # of each group: its name, and what finds its rows


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one column, the last of them all others: `pair` before and now, `draws` of both."""

    column: str
    named: Named
    pair: tuple[Side, Side]
    draws: Sequence[tuple[Side, Side]]


def explained(name: str, given: Sequence[Groups], *, sign: int, alone: bool = False) -> Explained:
    """Why the score `name` moved to the side of `sign` (-1: it fell; 0: to either). `alone`: each group by how much
    worse it got itself, and not by what it adds to the whole.
    """
    if not given:
        return Explained(note=f"no column that is kept has two groups of {LEAST} rows")
    change = _change(given[0].pair)
    sign = sign or (1 if change > 0 else -1)
    spread = float(np.nanstd([_change(pair) for pair in given[0].draws]))
    total = change * sign
    if not alone and not total > NormalDist().inv_cdf(1 - ALPHA / 2) * spread:
        return Explained(note=f"{name} is no worse than when the release was judged, beyond chance")
    looked = sum(int(_named(groups, alone=alone).sum()) for groups in given)
    bar = NormalDist().inv_cdf(1 - ALPHA / max(1, looked))
    parts = [part for groups in given for part in _parts(groups, total, bar, sign=sign, alone=alone)]
    note = (
        ""
        if any(part.named for part in parts)
        else f"no group explains it: {name} got worse alike, or too few rows came"
    )
    return Explained(parts=causes.ordered(parts), total=None if alone else total, unit=name, note=note)


def _parts(groups: Groups, total: float, bar: float, *, sign: int, alone: bool) -> Iterator[Part]:
    added, excess = _added(groups.pair, alone=alone)
    spread = np.nanstd([_added(pair, alone=alone)[1] for pair in groups.draws], axis=0)
    named = _named(groups, alone=alone) & (excess * sign > bar * spread)
    shares = [side.rows / side.rows.sum() for side in groups.pair]
    for place, (label, where) in enumerate(groups.named):
        was, value = (own(side, place) for side in groups.pair)
        yield Part(
            column=groups.column,
            label=label,
            before=float(shares[0][place]),
            now=float(shares[1][place]),
            was=was,
            value=value,
            explains=None if alone else float(added[place]) * sign / total,
            where=where,
            place=place,
            named=bool(named[place]),
        )


def _change(pair: tuple[Side, Side]) -> float:
    """Of all groups."""
    try:
        before, now = (side.value(np.arange(len(side.rows))) for side in pair)
    except Undefined:
        return float("nan")
    return now - before


def _added(pair: tuple[Side, Side], *, alone: bool) -> tuple[Array, Array]:
    """(m,): what each group adds, and by how much that is more than its share of rows would."""
    if alone:
        rates = [np.array([np.nan if (one := own(side, g)) is None else one for g in range(len(side.rows))])
                 for side in pair]  # fmt: skip
        return rates[1] - rates[0], rates[1] - rates[0]
    change, ratios = _change(pair), (pair[0].ratio(), pair[1].ratio())
    if ratios[0] is not None and ratios[1] is not None:
        added, excess = decomposed(ratios[0], ratios[1])
        whole = float(added.sum())  # the change, but of a root
        unit = change / whole if whole else 1.0
        return added * unit, excess * unit
    before, now = (side.without() for side in pair if isinstance(side, Classified))  # all others are ratios
    return change - (now - before), change - (now - before)


def decomposed(before: Ratio, now: Ratio) -> tuple[Array, Array]:
    """(m,): what each group adds to the change, and by how much that is more than its share. A group that was not there
    on one side has no rate of its own there: all that it adds is mix.
    """
    with np.errstate(all="ignore"):
        (w0, r0, all0), (w1, r1, all1) = (
            (low / low.sum(axis=0), high / low, high.sum(axis=0) / low.sum(axis=0)) for high, low in (before, now)
        )
    r0, r1 = np.where(np.isfinite(r0), r0, r1), np.where(np.isfinite(r1), r1, r0)
    r0, r1 = np.nan_to_num(r0), np.nan_to_num(r1)
    mix = (w1 - w0) * ((r0 + r1) / 2 - (all0 + all1) / 2)
    rate = (r1 - r0) * (w0 + w1) / 2
    added = mix + rate
    return added.mean(axis=1), (added - (all1 - all0) * (w0 + w1) / 2).mean(axis=1)


def gathered(cells: Cells, counts: Sequence[Array], rows: tuple[Array, Array]) -> tuple[Named, list[Array]]:
    """Names of the cells that have enough `rows`, (m,) before and now, and as the last one of all others; of each of
    these counts (m, …) the same.
    """
    rest = cells.of[-1] if cells.before.edges is None else -1
    enough = _enough(rows) & (np.arange(len(cells)) != rest)
    kept = np.flatnonzero(enough)
    made = [np.concatenate([one[kept], one[~enough].sum(axis=0)[None]]).astype(np.float64) for one in counts]
    named = [(cells.labels[place], cells.where[place]) for place in kept]
    where = beside(cells.column, [where for _, where in named], empty=not enough[-1])
    return (*named, (OTHERS, where)), made


def _enough(rows: tuple[Array, Array]) -> Array:
    """(m,): what came often once and is gone, or is new, tells as much as what stayed: the larger share counts."""
    all_ = [max(1.0, float(side.sum())) for side in rows]
    return np.asarray(np.maximum(rows[0] / all_[0], rows[1] / all_[1]) * min(all_) >= LEAST)


def _named(groups: Groups, *, alone: bool) -> Array:
    """(m,): a group by itself is held against itself, and has to be on both sides."""
    rows = groups.pair[0].rows, groups.pair[1].rows
    return np.asarray(np.minimum(*rows) >= LEAST) if alone else _enough(rows)
