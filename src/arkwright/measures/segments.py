"""Which groups explain that a model does worse: how many more rows of a group came (mix), and how much worse it is
answered (rate).

Both together are the whole change, whatever the number of groups (Kitagawa 1955): of a score that is a ratio of sums, a
group adds (w1 - w0) (r0 + r1) / 2 and (r1 - r0) (w0 + w1) / 2, with w its share of the denominator and r its own ratio.
The first is taken from the score of everything, or each group would be blamed for its size. An area under a curve is no
such ratio: there a group explains what of the change is gone without it, which does not add up.

A group is named if it explains more than its share of the rows does, by more than chance: by draws of all counts,
adjusted for the number of groups looked at (Bonferroni).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from arkwright.measures import causes
from arkwright.measures.causes import ALPHA, LEAST, OTHERS, Explained, Part, finds, short
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.expected import MEASURES, Expected
from arkwright.measures.ratios import RATIOS, Ratio

DRAWS = 100
_PSEUDO = (
    4  # rows that each group gets more in a draw: of a count of none, none would be drawn (Agresti and Coull 1998)
)
FEW = "too few rows to tell why"


@dataclass(frozen=True, slots=True)
class Side:
    """`right`, `wrong` (m, k, 2, b): of each of m groups that are everything together, as of `Expected`."""

    right: Array
    wrong: Array

    @property
    def rows(self) -> Array:
        """(m,)"""
        return np.asarray((self.right + self.wrong)[:, 0].sum(axis=(1, 2)))

    def drawn(self, rng: np.random.Generator) -> "Side":
        return Side(*(rng.poisson(_smooth(one, self.rows)).astype(np.float64) for one in (self.right, self.wrong)))


@dataclass(frozen=True, slots=True)
class Worth:
    """The same of estimates: `rows` (m, k, 2, b), and how a probability's `worth` (k, b) is drawn."""

    rows: Array
    worth: Array

    @property
    def side(self) -> Side:
        return _worth(self.rows, self.worth)

    def drawn(self, rng: np.random.Generator, worth: Array) -> Side:
        return _worth(rng.poisson(_smooth(self.rows, self.rows[:, 0].sum(axis=(1, 2)))).astype(np.float64), worth)


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of one column, the last of them all others: `pair` before and now, `draws` of both."""

    column: str
    labels: tuple[str, ...]
    pair: tuple[Side, Side]
    draws: tuple[tuple[Side, Side], ...]


def explained(name: str, means: Array, given: list[Groups], *, sign: int, alone: bool = False) -> Explained:
    """Why the score `name` moved to the side of `sign` (-1: it fell). `means`: as of `Expected`. `alone`: each group by
    how much worse it got itself, and not by what it adds to the whole.
    """
    if not given:
        return Explained(note=f"no group that is kept has {LEAST} rows; name columns in groups of the model")
    measured = _Measured(name, means, sign)
    change = measured.change(given[0].pair)
    spread = float(np.nanstd([measured.change(pair) for pair in given[0].draws]))
    total = change * sign
    if not alone and not total > NormalDist().inv_cdf(1 - ALPHA / 2) * spread:
        return Explained(note=f"{name} is no worse than when the release was judged, beyond chance")
    looked = sum(int(_enough(groups).sum()) for groups in given)
    bar = NormalDist().inv_cdf(1 - ALPHA / max(1, looked))
    parts = [part for groups in given for part in measured.parts(groups, total, bar, alone=alone)]
    note = (
        ""
        if any(part.named for part in parts)
        else f"no group explains it: {name} got worse alike, or too few rows came"
    )
    return Explained(parts=causes.ordered(parts), total=None if alone else total, unit=name, note=note)


@dataclass(frozen=True, slots=True)
class _Measured:
    name: str
    means: Array
    sign: int

    def change(self, pair: tuple[Side, Side]) -> float:
        try:
            before, now = (self._of(side.right.sum(axis=0), side.wrong.sum(axis=0)) for side in pair)
        except Undefined:
            return float("nan")
        return now - before

    def parts(self, groups: Groups, total: float, bar: float, *, alone: bool) -> Iterator[Part]:
        added, excess = self._added(groups.pair, alone=alone)
        spread = np.nanstd([self._added(pair, alone=alone)[1] for pair in groups.draws], axis=0)
        named = _enough(groups) & (excess * self.sign > bar * spread)
        shares = [side.rows / side.rows.sum() for side in groups.pair]
        for place, label in enumerate(groups.labels):
            was, value = (self._own(side, place) for side in groups.pair)
            yield Part(
                column=groups.column,
                label=short(label),
                before=float(shares[0][place]),
                now=float(shares[1][place]),
                was=was,
                value=value,
                explains=None if alone else float(added[place]) * self.sign / total,
                where=() if label == OTHERS else finds(groups.column, label),
                named=bool(named[place]),
            )

    def _added(self, pair: tuple[Side, Side], *, alone: bool) -> tuple[Array, Array]:
        """(m,): what each group adds, and by how much that is more than its share of rows would."""
        if alone:
            rates = [np.array([self._own(s, g) or np.nan for g in range(len(s.right))]) for s in pair]
            return rates[1] - rates[0], rates[1] - rates[0]
        if self.name in RATIOS:
            return decomposed(*(RATIOS[self.name](side.right, side.wrong, self.means) for side in pair))
        change = self.change(pair)
        without = [self.change((_without(pair[0], g), _without(pair[1], g))) for g in range(len(pair[0].right))]
        return change - np.array(without), change - np.array(without)

    def _own(self, side: Side, group: int) -> float | None:
        try:
            with np.errstate(all="ignore"):
                return self._of(side.right[group], side.wrong[group])
        except Undefined:
            return None

    def _of(self, right: Array, wrong: Array) -> float:
        return MEASURES[self.name](Expected(right, wrong, self.means))


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


def gathered(column: str, counts: list[Mapping[str, Array]], everything: str) -> tuple[tuple[str, ...], list[Array]]:
    """(labels, of each of these counts (m, …)) of the groups of a column that have enough rows on the first and on the
    last of them; the last one is all others.
    """
    there = [name for name in counts[0] if name.startswith(f"{column}=")]
    kept = [name for name in there if all(name in c and c[name][0].sum() >= LEAST for c in (counts[0], counts[-1]))]
    made = []
    for one in counts:
        groups = [one.get(name, np.zeros_like(one[everything])) for name in kept]
        made.append(np.stack([*groups, one[everything] - sum(groups)]).astype(np.float64))
    return (*(name.partition("=")[2] for name in kept), OTHERS), made


def _enough(groups: Groups) -> Array:
    return np.asarray(np.minimum(*(side.rows for side in groups.pair)) >= LEAST)


def _without(side: Side, group: int) -> Side:
    return Side(np.delete(side.right, group, axis=0), np.delete(side.wrong, group, axis=0))


def _smooth(counts: Array, rows: Array) -> Array:
    pattern = counts.sum(axis=0) / max(1.0, float(rows.sum()))
    return np.asarray(counts + _PSEUDO * pattern)


def _worth(rows: Array, worth: Array) -> Side:
    share = worth[:, None, :]
    return Side(rows * share, rows * (1 - share))
