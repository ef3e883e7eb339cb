"""Products of matrices in one thread. OpenBLAS shares larger ones among its threads, which wait for each other busily:
for matrices like these that takes up to forty times the processor, away from whoever answers requests.
"""

import numpy as np

from arkwright.measures.evaluation import Array

_ALONE = 1 << 18  # multiplications that are one thread's


def product(rows: Array, by: Array) -> Array:
    """(n, a) times (a, b)."""
    found = np.empty((len(rows), by.shape[1]))
    some = max(1, _ALONE // max(1, by.size))
    for begin in range(0, len(rows), some):
        np.matmul(rows[begin : begin + some], by, out=found[begin : begin + some])
    return found


def gram(rows: Array) -> Array:
    """(a, a) the products of the columns of (n, a) with each other."""
    n, a = rows.shape
    some = max(1, _ALONE // a**2)
    whole = n - n % some
    blocks, rest = rows[:whole].reshape(-1, some, a), rows[whole:]
    found: Array = np.matmul(blocks.transpose(0, 2, 1), blocks).sum(axis=0) + rest.T @ rest
    return found
