"""What is expected of errors, by hand: means, their roots and how sure they are."""

import math

import numpy as np
import pytest

from arkwright.core.errors import Invalid
from arkwright.measures import regression, score
from arkwright.measures.estimated import estimated
from arkwright.measures.losses import Losses, expected
from arkwright.measures.window import Window

# four rows, each expected to be off by 2 and by 5 squared; the loss model by 0.1 and by 0.3, once
ONE = np.array([[4, 4, 8, 16, 20, 0.4, 0], [4, 4, 20, 100, 300, 1.2, 0]], float)
LOSSES = Losses({"": ONE, "word=a": ONE * 2})


@pytest.mark.parametrize(("name", "value"), [("mae", 2.0), ("mse", 5.0), ("rmse", math.sqrt(5))])
def test_by_hand(name, value):
    found = expected(LOSSES, name, "", 1)
    assert (found.value, found.n) == (pytest.approx(value), 4)
    assert found.low * found.high == pytest.approx(value**2)
    assert (expected(LOSSES, name, "", 10).high > found.high) == (expected(LOSSES, name, "", 10).low < found.low)


def test_how_sure_it_is():
    """Chance: (5 - 4) / 4; no row differs from another; the model's own: 0.1 with one degree of freedom."""
    found = expected(LOSSES, "mae", "", 1)
    half = math.hypot(1.959963984540054 * math.sqrt(1 / 4), 12.706204736 * 0.1)
    assert math.log(found.high / 2) == pytest.approx(half / 2)


def test_both_together():
    both = LOSSES + Losses({"": ONE, "word=b": ONE})
    assert sorted(both.sums) == ["", "word=a", "word=b"]
    assert np.array_equal(both.sums[""], 2 * ONE)
    assert (both.rows(""), both.rows("word=a"), both.rows("word=c")) == (8, 8, 0)


def test_what_cannot_be_estimated_says_so():
    with pytest.raises(Invalid, match="r2 cannot be estimated without labels"):
        estimated(Window(losses=LOSSES), regression.r2)
    assert "keeps nothing" in estimated(Window(), regression.mae).note
    assert "no probabilities" in estimated(Window(losses=LOSSES), score.recall).note
