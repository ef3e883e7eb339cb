"""A classifier's answers as counts: of each class, how often which probability was given, and whether it was answered.

With two classes only the positive one is counted. Bins hold about as many reference rows each, so that 200 of them say
as much as the rows do: an area under a curve is off by less than a thousandth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from arkwright.core.errors import Invalid
from arkwright.measures.evaluation import Array

BINS = 200
ALL = ""  # the group of every row


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """`edges` (k, b - 1): of each class's probability, ascending. `counts`: of each group, `""` for all and
    `carrier=UA` for one, (k, 2, b) rows: by class, whether it was answered, and bin. `means` (k, b): the mean
    probability of each bin in the reference.
    """

    edges: Array
    means: Array
    counts: Mapping[str, Array]

    @property
    def n(self) -> int:
        """The rows of all groups together."""
        return int(self.counts[ALL][0].sum()) if ALL in self.counts else 0

    def empty(self) -> "Scores":
        return replace(self, counts={})

    def __add__(self, other: "Scores") -> "Scores":
        """Both together. Raises Invalid unless they have the same bins."""
        if not np.array_equal(self.edges, other.edges):
            raise Invalid("scores in other bins do not add up")
        both = {name: self.counts[name] + other.counts[name] for name in self.counts if name in other.counts}
        return replace(self, counts={**self.counts, **other.counts, **both})

    def more(self, probabilities: Array, answered: Array, groups: Mapping[str, Array]) -> "Scores":
        """The same with (n, k) probabilities and (n,) answered classes, and of each group (n,) whether a row is of it.

        Of two classes there is one column, of the class 1.
        """
        places, (k, b) = self.places(probabilities, answered), self.means.shape
        made = {
            name: np.bincount(places[rows].ravel(), minlength=2 * k * b).reshape(k, 2, b)
            for name, rows in {ALL: np.ones(len(answered), bool), **groups}.items()
        }
        return self + replace(self, counts={name: counts for name, counts in made.items() if counts.any()})

    def places(self, probabilities: Array, answered: Array) -> Array:
        """(n, k): where each row is counted for each class, in (k, 2, b) one after the other."""
        k, b = self.means.shape
        places = np.empty((len(answered), k), np.int64)
        for number in range(k):
            bins = np.searchsorted(self.edges[number], probabilities[:, number], "right")
            yes = answered == (number if k > 1 else 1)
            places[:, number] = (number * 2 + yes) * b + bins
        return places


def binned(probabilities: Array) -> Scores:
    """Empty scores in bins of about as many of these (n, k) probabilities each."""
    k = probabilities.shape[1]
    edges, means = np.full((k, BINS - 1), np.inf), np.zeros((k, BINS))
    for number in range(k):
        ordered = np.sort(probabilities[:, number])
        own = np.unique(ordered[np.arange(1, BINS) * len(ordered) // BINS]) if len(ordered) else np.zeros(0)
        edges[number, : len(own)] = own
        parts = np.split(ordered, np.searchsorted(ordered, own))
        lows = np.concatenate([[0.0], own])
        means[number, : len(parts)] = [p.mean() if len(p) else low for p, low in zip(parts, lows, strict=True)]
    return Scores(edges=edges, means=means, counts={})
