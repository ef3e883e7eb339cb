"""What a probability is worth: in what share of cases what it was given to came true, of the rows that were judged."""

import numpy as np

from arkwright.measures.divergence import scipy
from arkwright.measures.evaluation import Array
from arkwright.measures.scores import ALL, Scores

_SURE = 1e-12


def worth(judged: tuple[Scores, Scores]) -> Array:
    """(k, b): in what share of cases a probability of each bin came true, made monotone.

    `judged`: the reference's rows in which the class was right, and all of them. A bin without rows is worth as much as
    the one before it.
    """
    right, rows = (scores.counts[ALL].sum(axis=1) for scores in judged)
    return _monotone(right, rows)


def drawn_worth(judged: tuple[Scores, Scores], rng: np.random.Generator) -> Array:
    """The same where the rows that were judged are drawn again."""
    right, all_ = (one.counts[ALL].sum(axis=1) for one in judged)
    pairs = (np.stack(pair) for pair in zip(right, all_ - right, strict=True))
    drawn = np.stack([again(rng, pair, int(pair.sum())) for pair in pairs], axis=1)
    return _monotone(drawn[0], drawn.sum(axis=0))


def _monotone(right: Array, rows: Array) -> Array:
    made = np.empty(rows.shape)
    for number, (positive, all_) in enumerate(zip(right, rows, strict=True)):
        there = np.flatnonzero(all_)
        fitted = (
            scipy("optimize")
            .isotonic_regression(positive[there] / all_[there], weights=all_[there].astype(np.float64))
            .x
        )
        made[number] = fitted[np.clip(np.searchsorted(there, np.arange(len(all_)), "right") - 1, 0, len(there) - 1)]
    return made


def doubted(worths: Array, judged: tuple[Scores, Scores], rng: np.random.Generator) -> Array:
    """The same of (n, k, b) draws, where all judged rows were right, or none were: up to how many of the next ones may
    not be, as often as Clopper and Pearson (1934) have it. Else a thousand right rows prove that no answer is wrong.
    """
    rows, made = judged[1].counts[ALL].sum(axis=1), worths.copy()
    for end in (0.0, 1.0):
        pure = np.abs(worths - end) < _SURE
        error = rng.beta(1, np.maximum((pure * rows).sum(axis=-1, keepdims=True), 1))
        made = np.where(pure, abs(end - error), made)
    return made


def again(rng: np.random.Generator, counts: Array, n: int, draws: int | None = None) -> Array:
    """(as `counts`) `n` rows drawn by how often those came; (draws, …) times."""
    found = rng.multinomial(n, (counts / counts.sum()).ravel(), draws)
    return found.reshape(counts.shape if draws is None else (draws, *counts.shape))
