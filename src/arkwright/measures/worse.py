"""Why a model does worse than when it was judged, by groups: as it is estimated, and as labels tell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from arkwright.measures import segments
from arkwright.measures.causes import LEAST, Explained
from arkwright.measures.cells import Cells
from arkwright.measures.evaluation import Array
from arkwright.measures.losses import LOSS, MEASURES, OFF, ROWS, SPREAD
from arkwright.measures.scores import Scores
from arkwright.measures.segments import DRAWS, FEW, Groups, gathered
from arkwright.measures.sides import Classified, Losses, Side, Worth
from arkwright.measures.worth import drawn_worth, worth

ERRORS: Mapping[str, int] = {"mae": 0, "mse": 1, "rmse": 1, "bias": 2, "mape": 3}  # the sums that each is a mean of
Judged = tuple[Scores, Scores]  # the rows in which the class was right, and all of them
Pair = tuple[Side, Side]


@dataclass(frozen=True, slots=True)
class Told:
    """What is counted in each of the m cells of a column, before and now.

    Of a classifier (2, m, k, 2, b): the rows in which each class was right, and all of them; now none were right yet
    where no labels came. Of a regression (m, …) sums.
    """

    cells: Cells
    before: Array
    now: Array


def errors(answer: Array, truth: Array) -> Array:
    """(n, 4) of each row, what the measures in `ERRORS` are means of."""
    off = answer - truth
    with np.errstate(all="ignore"):
        return np.column_stack([np.abs(off), off**2, off, np.abs(off / truth)])


def estimated(judged: Judged, name: str, told: Sequence[Told], *, sign: int, alone: bool = False) -> Explained:
    """Of a classifier, before any label: what the answers to each group are worth, then and now, by the same worth of a
    probability.
    """
    share, means = worth(judged), judged[1].means
    rng = np.random.default_rng(0)
    shares = [drawn_worth(judged, rng) for _ in range(DRAWS)]

    def pair(counts: list[Array]) -> tuple[Pair, list[Pair]]:
        before, now = (Worth(name, one, share, means) for one in counts)
        return (before.side, now.side), [(before.drawn(rng, one), now.drawn(rng, one)) for one in shares]

    return _explained(name, told, lambda one: [one.before[1], one.now[1]], _classified, pair, sign, alone=alone)


def realised(judged: Judged, name: str, told: Sequence[Told], *, sign: int, alone: bool = False) -> Explained:
    """Of a classifier: what came true of each group, then and now."""
    rng = np.random.default_rng(0)

    def pair(counts: list[Array]) -> tuple[Pair, list[Pair]]:
        sides = [
            Classified(name, right, np.maximum(rows - right, 0), judged[1].means)
            for rows, right in ((counts[0], counts[2]), (counts[1], counts[3]))
        ]
        return (sides[0], sides[1]), [(sides[0].drawn(rng), sides[1].drawn(rng)) for _ in range(DRAWS)]

    counted = lambda one: [one.before[1], one.now[1], one.before[0], one.now[0]]  # noqa: E731 - as above
    return _explained(name, told, counted, _classified, pair, sign, alone=alone)


def erred(name: str, told: Sequence[Told], *, sign: int, alone: bool = False) -> Explained:
    """Of a regression: how far off it was in each group, then and now. (m, 4, 3) sums: rows, what is in `errors`, its
    square.
    """
    which = ERRORS[name]
    return _lost(name, told, lambda one: (one[:, which, 0], one[:, which, 1], one[:, which, 2]), sign, alone=alone)


def expected(name: str, told: Sequence[Told], *, sign: int, alone: bool = False) -> Explained:
    """Before any label: how far off a regression was likely to be, by the same loss model. Sums as of `Losses`."""
    which = MEASURES[name]
    return _lost(name, told, lambda one: (one[:, which, ROWS], one[:, which, LOSS], one[:, which, SPREAD],
                                          one[:, which, OFF:]), sign, alone=alone)  # fmt: skip


def _lost(
    name: str, told: Sequence[Told], sums: Callable[[Array], tuple[Array, ...]], sign: int, *, alone: bool
) -> Explained:
    rng = np.random.default_rng(0)

    def pair(counts: list[Array]) -> tuple[Pair, list[Pair]]:
        before, now = (_losses(sums(one), root=name == "rmse") for one in counts)
        drawn = [
            np.asarray(rng.normal(size=before.off.shape[1])) for _ in range(DRAWS)
        ]  # the same loss model, then and now
        return (before, now), [(before.drawn(rng, by), now.drawn(rng, by)) for by in drawn]

    def rows(counts: Array) -> Array:
        return sums(counts)[0]

    return _explained(name, told, lambda one: [one.before, one.now], rows, pair, sign, alone=alone)


def _losses(sums: tuple[Array, ...], *, root: bool) -> Losses:
    rows, total, square, *more = sums
    return Losses(rows, total, square, more[0] if more else np.zeros((len(rows), 0)), root)


def _explained(
    name: str,
    told: Sequence[Told],
    counted: Callable[[Told], list[Array]],
    rows: Callable[[Array], Array],
    pair: Callable[[list[Array]], tuple[Pair, list[Pair]]],
    sign: int,
    *,
    alone: bool,
) -> Explained:
    """`counted`: before and now, first what `rows` are taken from. A column of which no group has enough rows, or
    one has all, tells nothing.
    """
    made = []
    for one in told:
        counts = counted(one)
        both = rows(counts[0]), rows(counts[1])
        if both[1].sum() < LEAST:
            return Explained(note=FEW)
        named, some = gathered(one.cells, counts, both)
        if len(named) > 1 and np.count_nonzero(both[0] + both[1]) > 1:
            made.append(Groups(one.cells.column, named, *pair(some)))
    return segments.explained(name, made, sign=sign, alone=alone)


def _classified(counts: Array) -> Array:
    return np.asarray(counts[:, 0].sum(axis=(1, 2)))
