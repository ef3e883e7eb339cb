"""How long a queue may be: a burst is let in, what never ends is kept short."""

import pytest

from arkwright.serve.traffic.patience import BURST, CALM, FEW, FEWER, STANDING, Patience


@pytest.fixture
def patience():
    made = Patience()
    made.cost = 0.002
    return made


def most(patience, now, run=0.0):
    """How many may wait, when as many run as are let in at once."""
    return next(n for n in range(10_000) if patience.too_long(now, n, n, run))


def test_a_burst_may_wait_as_long_as_it_is_over_soon(patience):
    assert most(patience, 10.0) == pytest.approx(BURST / 0.002, abs=1)


def test_after_a_refusal_the_queue_is_short_until_nobody_was_refused_for_a_while(patience):
    patience.refused(10.0)
    assert most(patience, 10.0 + CALM) == pytest.approx(STANDING / 0.002, abs=1)
    patience.refused(10.5)
    assert most(patience, 10.5 + CALM) == pytest.approx(STANDING / 0.002, abs=1)
    assert most(patience, 10.6 + CALM) == pytest.approx(BURST / 0.002, abs=1)


def test_a_few_may_always_wait_however_slow_the_model(patience):
    patience.cost = 10.0
    assert most(patience, 10.0) == FEW
    patience.refused(10.0)
    assert most(patience, 10.1) == FEWER


def test_where_a_run_costs_the_same_however_many_share_it_they_may_wait_for_some(patience):
    """A dense model, 50 ms a run: sixteen at a time would be told off for what forty can share."""
    patience.refused(10.0)
    assert most(patience, 10.1, run=0.05) > most(patience, 10.1)
    assert most(patience, 10.1, run=0.05) == pytest.approx(0.15 / 0.002, abs=1)


def test_at_ten_times_the_load_everybody_who_is_let_in_waits_for_a_short_while(patience):
    """A queue by hand: one at a time, 2 ms each, 5,000 come in each second."""
    waiting, waits, free = [], [], 0.0
    for i in range(50_000):
        now = i / 5000
        while waiting and free <= now:
            came = waiting.pop(0)
            free = max(free, came) + patience.cost
            waits.append((now, free - came))
        if patience.too_long(now, len(waiting), len(waiting) + 1, 0.0):
            patience.refused(now)
        else:
            waiting.append(now)
    assert max(wait for now, wait in waits if now > 1) < STANDING + 3 * patience.cost
    assert len(waits) > 0.98 * 10 / patience.cost  # and the model never rests
