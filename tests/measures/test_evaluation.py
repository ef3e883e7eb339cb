"""What a measure is given."""

import numpy as np
import pytest

from arkwright.core.errors import Invalid
from arkwright.measures.evaluation import Evaluation


def made(n=4, **change):
    rows = np.arange(n)
    given = {
        "truth": rows % 2, "label": rows % 2, "score": rows / n, "groups": {"by": rows % 3},
        "inputs": {"x": rows * 1.0},
        "test_rows": rows.astype(np.uint64), "train_rows": np.arange(9, dtype=np.uint64), "size_bytes": 7,
    }  # fmt: skip
    return Evaluation(task="classification", **(given | change))


@pytest.mark.parametrize("rows", [np.array([3, 1]), np.array([False, True, False, True]), np.zeros(0, int)])
def test_take_takes_everything_that_belongs_to_rows(rows):
    whole = made(original=made())
    part = whole.take(rows)
    for of in (part, part.original):
        assert (of.score == whole.score[rows]).all()
        assert (of.groups["by"] == whole.groups["by"][rows]).all()
        assert (of.inputs["x"] == whole.inputs["x"][rows]).all()
        assert (of.test_rows == whole.test_rows[rows]).all()
        assert len(of.truth) == len(of.label) == len(whole.truth[rows])
    assert len(part.train_rows) == 9
    assert part.size_bytes == 7


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"label": np.zeros(3)}, "label"),
        ({"score": np.zeros((5, 2))}, "score"),
        ({"groups": {"by": np.zeros(3)}}, "by"),
        ({"inputs": {"x": np.zeros(3)}}, "x"),
        ({"test_rows": np.zeros(3)}, "test_rows"),
        ({"original": made(3)}, "original"),
    ],
)
def test_rows_that_are_not_as_many(change, name):
    with pytest.raises(Invalid, match=f"4 rows of truth and [35] of {name}"):
        made(**change)


def test_the_same_seed_draws_the_same():
    assert made(seed=1).rng.random() == made(seed=1).rng.random() != made(seed=2).rng.random()
