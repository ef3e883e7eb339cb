"""The level of columns, minute by minute: exact, and added up in any order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Invalid
from arkwright.measures import trail
from arkwright.measures.features import STEPS

rows = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(-1280, 1280)), max_size=30)


def of(given_):
    minutes, there, levels = (np.array([row[part] for row in given_], int) for part in range(3))
    return trail.of(("x",), minutes, 2, there.astype(bool)[:, None], (levels * there)[:, None])


def plain(one):
    return one.minutes.tolist(), one.rows.tolist(), one.sums.tolist()


@given(rows, rows)
def test_parts_are_the_whole_in_any_order(first, second):
    whole = of(first + second)
    assert plain(of(first) + of(second)) == plain(of(second) + of(first)) == plain(whole)
    assert plain(whole + trail.empty(("x",))) == plain(whole)
    for minute, level in zip(*whole.level("x"), strict=True):
        there = [value for at, known, value in first + second if known and at == minute]
        assert level == pytest.approx(sum(there) / len(there) / STEPS)


def test_other_columns_do_not_add_up():
    with pytest.raises(Invalid, match="do not add up"):
        trail.empty(("x",)) + trail.empty(("y",))
