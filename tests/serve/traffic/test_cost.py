"""Which models are computed on the loop."""

import pytest

from arkwright.serve.traffic.cost import HEAVY, Cost


def after(cost, *runs):
    """Whether it was heavy after each run of (rows, seconds)."""
    found = []
    for rows, seconds in runs:
        cost.ran(rows, seconds)
        found.append(cost.heavy)
    return found


def test_a_dense_model_stays_heavy_however_cheap_a_row_is_in_a_batch():
    """It reads its weights once: a row alone takes 3 ms, 64 together 4 ms."""
    cost = Cost(0.003)
    assert all(after(cost, *[(64, 0.004), (32, 0.0035)] * 200))
    assert all(after(cost, *[(1, 0.003)] * 200))


def test_it_comes_back_when_a_row_alone_is_light():
    found = after(Cost(0.003), *[(1, 0.0005)] * 50)
    assert found[0]
    assert not found[-1]


def test_between_the_limits_it_stays_where_it_is():
    assert all(after(Cost(1.1 * HEAVY), *[(1, 0.7 * HEAVY)] * 500))
    assert not any(after(Cost(0.1 * HEAVY), *[(1, 0.7 * HEAVY)] * 500))


def test_a_dear_row_is_heavy_where_many_come_together():
    """A millisecond for each: alone it stays on the loop, sixty-four would hold it up."""
    cost = Cost(0.001)
    assert not any(after(cost, *[(1, 0.001)] * 100))
    assert after(cost, *[(64, 0.064)] * 30)[-1]
    assert not after(cost, *[(1, 0.0009)] * 100)[-1]


def test_cheap_rows_stay_on_the_loop_however_many_come():
    """Twenty microseconds each: the thread would cost each of them more than that."""
    assert not any(after(Cost(0.00003), *[(500, 0.01), (1, 0.00003)] * 200))


@pytest.mark.parametrize("seconds", [0.5, 0.02])
def test_one_run_that_was_held_up_changes_little(seconds):
    assert not any(after(Cost(0.0001), *[(1, 0.0001)] * 5, (1, seconds), *[(1, 0.0001)] * 5))
