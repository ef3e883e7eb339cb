"""In which minutes more went wrong than chance would have."""

import numpy as np
import pytest

from arkwright.measures import when
from arkwright.measures.causes import OTHERS, PARTS

START = 1_767_225_600  # 2026-01-01T00:00Z


def test_the_minutes_in_which_it_failed_are_named_together():
    counted = {START + 60 * n: (0, 100) for n in range(60)}
    counted |= {START + 60 * n: (30, 100) for n in (10, 11, 12)} | {START + 60 * 40: (1, 100)}
    found = when.worst(counted, "error_rate")
    assert found.says() == ("2026-01-01 00:10 to 00:13: 5 % of requests; error_rate 0.3, else 0.000175; explains 99 %",)
    assert found.parts[0].span == (START + 600, START + 780)


def test_what_is_spread_names_no_minute():
    rng = np.random.default_rng(1)
    false = 0
    for _ in range(100):
        counted = {START + 60 * n: (int(rng.binomial(200, 0.02)), 200) for n in range(60)}
        false += bool(when.worst(counted, "error_rate").parts)
    assert false <= 11
    assert "as chance would have it" in when.worst({START: (1, 100), START + 60: (1, 100)}, "error_rate").note
    assert "too few" in when.worst({}, "error_rate").note
    assert "too few" in when.worst({START: (3, 10)}, "error_rate").note


def test_of_very_many_spans_the_worst_and_the_others_together():
    counted = {START + 60 * n: (0 if n % 20 else 30 + n // 20, 100) for n in range(1000)}
    found = when.worst(counted, "error_rate")
    assert len(found.parts) == PARTS + 1
    assert sum(part.explains for part in found.parts) == pytest.approx(1)
    rest = found.parts[-1]
    assert (rest.label, rest.span, rest.named) == (OTHERS, None, False)
    assert rest.now == pytest.approx((50 - PARTS) / 1000)
    assert rest.value < min(part.value for part in found.parts[:-1])
