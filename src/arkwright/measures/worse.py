"""Why a classifier does worse than when it was judged, by groups: as it is estimated, and as labels tell."""

from collections.abc import Iterable

import numpy as np

from arkwright.measures import segments
from arkwright.measures.causes import LEAST, Explained
from arkwright.measures.estimated import drawn_worth, worth
from arkwright.measures.evaluation import Array, Undefined
from arkwright.measures.scores import ALL, Scores
from arkwright.measures.segments import DRAWS, FEW, Groups, Side, Worth, gathered
from arkwright.measures.window import Window

Judged = tuple[Scores, Scores]  # the rows in which the class was right, and all of them


def estimated(window: Window, name: str, columns: Iterable[str], *, sign: int, alone: bool = False) -> Explained:
    """Before any label: what the answers to each group are worth, then and now, by the same worth of a probability."""
    if window.judged is None or window.scores is None or not window.scores.n:
        raise Undefined("there are no probabilities, on which an estimate rests")
    if window.scores.n < LEAST:
        return Explained(note=FEW)
    share, rng = worth(window.judged), np.random.default_rng(window.scores.n)
    shares = [drawn_worth(window.judged, rng) for _ in range(DRAWS)]
    made = []
    for column in columns:
        labels, (before, now) = gathered(column, [window.judged[1].counts, window.scores.counts], ALL)
        sides = Worth(before, share), Worth(now, share)
        draws = tuple((sides[0].drawn(rng, one), sides[1].drawn(rng, one)) for one in shares)
        made += _told_apart(Groups(column, labels, (sides[0].side, sides[1].side), draws))
    return segments.explained(name, window.scores.means, made, sign=sign, alone=alone)


def realised(
    before: Judged, now: Judged, name: str, columns: Iterable[str], *, sign: int, alone: bool = False
) -> Explained:
    """What came true of each group, then and now."""
    if now[1].n < LEAST:
        return Explained(note=FEW)
    rng = np.random.default_rng(now[1].n)
    made = []
    for column in columns:
        counts = [before[1].counts, before[0].counts, now[0].counts, now[1].counts]
        labels, (rows0, right0, right1, rows1) = gathered(column, counts, ALL)
        pair = Side(right0, _rest(rows0, right0)), Side(right1, _rest(rows1, right1))
        draws = tuple((pair[0].drawn(rng), pair[1].drawn(rng)) for _ in range(DRAWS))
        made += _told_apart(Groups(column, labels, pair, draws))
    return segments.explained(name, before[1].means, made, sign=sign, alone=alone)


def _told_apart(groups: Groups) -> list[Groups]:
    """A column of which no group has enough rows tells nothing."""
    return [groups] if len(groups.labels) > 1 else []


def _rest(rows: Array, right: Array) -> Array:
    return np.asarray(np.maximum(rows - right, 0))
