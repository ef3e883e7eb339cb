"""How long a queue may be: a burst is let in, what never ends is kept short."""

import random

import pytest

from arkwright.serve.traffic.patience import BURST, FEW, FEWER, LEAVERS, STANDING, Patience


@pytest.fixture
def patience():
    made = Patience()
    made.cost = 0.002
    return made


def most(patience, now=0.0, run=0.0):
    """How many may wait, when as many run as are let in at once."""
    return next(n for n in range(10_000) if patience.too_long(now, n, n, run))


def test_a_burst_may_wait_as_long_as_it_is_over_soon(patience):
    assert most(patience) == pytest.approx(BURST / 0.002, abs=1)


@pytest.mark.parametrize(("refused", "done", "short"), [(1, 20, False), (10, 20, True)])
def test_after_a_refusal_the_queue_is_short_until_not_many_are_refused(patience, refused, done, short):
    for i in range(refused):
        patience.refused(10 + i / 100)
    patience.ran(done, done * 0.002)
    assert most(patience, 10.9) == pytest.approx(STANDING / 0.002, abs=1)
    assert most(patience, 11.1) == pytest.approx((STANDING if short else BURST) / 0.002, abs=1)
    assert most(patience, 12.2) == pytest.approx(BURST / 0.002, abs=1)  # nobody, in the second after that


def test_a_few_may_always_wait_however_slow_the_model(patience):
    patience.cost = 10.0
    assert most(patience) == FEW
    patience.refused(0.0)
    assert most(patience) == FEWER


def test_where_a_run_costs_the_same_however_many_share_it_they_may_wait_for_some(patience):
    """A dense model, 50 ms a run: sixteen at a time would be told off for what forty can share."""
    patience.refused(0.0)
    assert most(patience, run=0.05) > most(patience)
    assert most(patience, run=0.05) == pytest.approx(0.15 / 0.002, abs=1)


def let_in(patience, arrivals):
    """A queue by hand, one at a time: when each was computed that was let in, and how long it waited."""
    waiting, waits, free = [], [], 0.0
    for now in arrivals:
        while waiting and free <= now:
            came = waiting.pop(0)
            free = max(free, came) + patience.cost
            waits.append((now, free - came))
            patience.ran(1, patience.cost)
        if patience.too_long(now, len(waiting), len(waiting) + 1, 0.0):
            patience.refused(now)
        else:
            waiting.append(now)
    return waits


def test_at_ten_times_the_load_everybody_who_is_let_in_waits_for_a_short_while(patience):
    """2 ms each, 5,000 come in each second."""
    waits = let_in(patience, [i / 5000 for i in range(50_000)])
    assert max(wait for now, wait in waits if now > 1) < STANDING + 3 * patience.cost
    assert len(waits) > 0.98 * 10 / patience.cost  # and the model never rests


@pytest.mark.parametrize("burst", [0, 60])
def test_at_nine_tenths_of_the_load_hardly_anybody_is_refused_even_after_a_burst(patience, burst):
    """10 ms each, 90 come in each second, as they like."""
    patience.cost, chance, now, arrivals = 0.01, random.Random(7), 0.0, []
    while now < 100:
        now += chance.expovariate(90)
        arrivals.append(now)
    waits = let_in(patience, sorted(arrivals + [8.0] * burst))
    assert len(waits) > 0.98 * len(arrivals)


def test_where_many_leave_no_more_may_wait_than_are_answered_in_time(patience):
    """Callers who wait for half a second, and requests of 50 ms: half of that time is five requests."""
    patience.cost = 0.05
    for i in range(LEAVERS):
        assert most(patience, 10.0) == FEW
        patience.left(10 + i / 100, 0.5)
    assert most(patience, 10.9) == FEW  # a whole second says it
    assert most(patience, 11.1) == 5
    assert most(patience, 21.0) == 5
    assert most(patience, 21.2) == FEW  # then it is tried again


def test_a_few_who_leave_among_many_who_wait_shorten_nothing(patience):
    patience.cost = 0.05
    for i in range(9):
        patience.left(10 + i / 100, 0.2)
    patience.ran(100, 5.0)  # also such as were answered after they left
    assert most(patience, 11.1) == FEW


def test_who_comes_while_nobody_waits_is_let_in_however_little_callers_bear(patience):
    patience.cost = 0.06
    for i in range(LEAVERS):
        patience.left(10 + i / 100, 0.11)
    assert not patience.too_long(11.1, 0, 1, 0.0)
    assert patience.too_long(11.1, 1, 2, 0.0)


def test_who_comes_and_goes_shortens_nothing(patience):
    patience.cost = 0.05
    for i in range(100):
        patience.left(10 + i / 1000, BURST / 2)
    assert most(patience, 10.2) == FEW
