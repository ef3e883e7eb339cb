"""Products in blocks are the products, whatever the shapes."""

import numpy as np
import pytest

from arkwright.measures.products import gram, product


@pytest.mark.parametrize(("n", "a", "b"), [(0, 3, 2), (1, 1, 1), (65, 64, 64), (1000, 7, 32), (3, 600, 600)])
def test_products(n, a, b):
    rng = np.random.default_rng(n)
    rows, by = (rng.integers(-256, 257, shape).astype(float) for shape in ((n, a), (a, b)))
    assert np.array_equal(product(rows, by), rows @ by)
    assert np.array_equal(product(rows > 0, by), (rows > 0) @ by)
    assert np.array_equal(gram(rows), rows.T @ rows)


def test_of_no_columns_products_are_nothing():
    assert product(np.zeros((5, 0)), np.zeros((0, 4))).tolist() == np.zeros((5, 4)).tolist()
