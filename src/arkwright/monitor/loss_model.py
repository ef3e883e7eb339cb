"""What error to expect of a regression's answer to a row: each column's bin adds its share to the absolute and to the
squared error. It is arrays only, and looking them up costs about a microsecond a row and column.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from arkwright.core.arrow_arrays import integers
from arkwright.measures.evaluation import Array
from arkwright.measures.losses import ABSOLUTE, SQUARED, Losses
from arkwright.measures.scores import ALL
from arkwright.monitor.binned import Binned, between

MOST_ROWS = 4000  # of those counted at once; each then stands for several: following costs little


@dataclass(frozen=True, slots=True)
class LossModel:
    """`base` (2, 1 + k): the logarithm of the absolute and of the squared error, and k deviations, which together are
    what it may be wrong by. `adds`: of each column (places, 2, 1 + k), what a row at this place adds to them. `most`
    (2,): no row is expected to be farther off.

    `kurtosis`: how many times its square the squared error squared is.
    """

    base: Array
    columns: Mapping[str, Binned]
    adds: Mapping[str, Array]
    most: Array
    kurtosis: float

    def rows(self, table: pa.Table) -> Array:
        """(n, 2, 1 + k) what is expected of each row, and the deviations."""
        found = np.repeat(self.base[None], len(table), axis=0)
        for name, binned in self.columns.items():
            column = table.column(name) if name in table.column_names else None
            before, part = between(binned.places(column, len(table)))
            adds = np.concatenate([self.adds[name], self.adds[name][-1:]])  # nothing lies behind the last
            found += adds[before] * (1 - part)[:, None, None] + adds[before + 1] * part[:, None, None]
        loss = np.exp(np.minimum(found[:, :, 0], np.log(self.most)))
        found[:, :, 1:] *= loss[:, :, None]
        found[:, :, 0] = loss
        return found

    def count(self, looked: pa.Table, groups: Mapping[str, Array], rows: int) -> Losses:
        """The sums of these rows, which stand for so many; of each group (n,) whether a row is of it."""
        if not len(looked):
            return Losses({})
        each = self.each(looked, rows)
        sums = {name: each[of].sum(axis=0) for name, of in groups.items() if of.any()}
        return Losses({ALL: each.sum(axis=0), **sums})

    def each(self, looked: pa.Table, rows: int) -> Array:
        """(n, 2, 5 + k) what each of these rows, which stand for so many, adds to the sums."""
        found = self.rows(looked)
        loss, weight = found[:, :, :1], rows / len(looked)
        square = np.empty_like(loss)
        square[:, ABSOLUTE] = loss[:, SQUARED]
        square[:, SQUARED] = self.kurtosis * np.maximum(loss[:, SQUARED], 0) ** 2
        one = np.ones_like(loss)
        return weight * np.concatenate([one, weight * one, loss, loss**2, square, found[:, :, 1:]], axis=2)


def thinned(table: pa.Table) -> pa.Table:
    """Every k-th row of one that has too many."""
    step = -(-len(table) // MOST_ROWS)
    return table.take(integers(np.arange(0, len(table), step))) if step > 1 else table
