"""When a column changed within the window."""

import numpy as np
import pytest

from arkwright.core.errors import Invalid
from arkwright.measures import streams, trail
from arkwright.measures.changes import changes, error_changes
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.features import STEPS
from arkwright.measures.window import Window

START = 22_600_000  # minutes since 1970: 2012-12-20 10:40


def window(level, there=None):
    level = np.asarray(level, float)
    there = np.ones(len(level), bool) if there is None else there
    levels = np.rint(level * STEPS).astype(int) * there
    return Window(trail=trail.of(("score",), START + np.arange(len(level)), 1, there[:, None], levels[:, None]))


@pytest.mark.parametrize("method", ["adwin", "page_hinkley"])
def test_a_step_is_found_soon_after_it_and_a_level_is_not(method):
    noise = np.random.default_rng(1).normal(0, 0.2, 3000)
    assert changes(window(noise), "score", method=method).value == 0
    found = changes(window(noise + (np.arange(3000) >= 2000)), "score", method=method)
    assert (found.value, found.n, found.low) == (1, 3000, None)
    assert found.note.startswith("2012-12-21 2")  # the step is at 20:00
    assert found.note.endswith("UTC")


@pytest.mark.parametrize("method", ["adwin", "page_hinkley"])
def test_where_nothing_changed_a_week_of_single_rows_gives_no_alarm(method):
    rng = np.random.default_rng(2)
    alarms = sum(changes(window(rng.normal(size=10_080)), "score", method=method).value > 0 for _ in range(30))
    assert alarms <= 3


def test_minutes_without_the_column_are_left_out():
    there = np.arange(3000) % 2 == 0
    assert changes(window(np.zeros(3000), there), "score").n == 1500
    few = changes(window(np.zeros(40), np.arange(40) < 31), "score")
    assert (few.value, few.note) == (None, "score was there in 31 of the 32 minutes after which a change shows")


def test_what_cannot_be_said_says_why():
    assert changes(Window(), "score").note.endswith("run the line again: arkwright run")
    assert changes(window([0.0]), "at").note == "at has no level: it is a time, or nothing is kept of it"
    with pytest.raises(Invalid, match='did you mean "adwin"'):
        changes(Window(), "score", method="adwim")


def judged(wrong):
    wrong = np.asarray(wrong)
    return Evaluation(task="classification", truth=np.zeros(len(wrong), np.int64), label=wrong.astype(np.int64))


@pytest.mark.parametrize("method", ["adwin", "page_hinkley"])
def test_a_model_that_is_wrong_more_often_from_some_row_on(method):
    drawn = np.random.default_rng(2).random(6000)
    assert error_changes(judged(drawn < 0.2), method=method).value == 0
    found = error_changes(judged(drawn < np.where(np.arange(6000) < 4000, 0.2, 0.5)), method=method)
    assert found.value == 1
    assert 4000 < int(found.note.removeprefix("behind row ").replace(",", "")) < 4600


@pytest.mark.parametrize("method", ["adwin", "page_hinkley"])
def test_errors_of_a_regression_and_one_that_is_beyond_all(method):
    noise = np.random.default_rng(3).normal(0, 1, 4000)
    noise[17] = 1e9
    zeros = np.zeros(4000)
    assert error_changes(Evaluation(task="regression", truth=zeros, label=noise), method=method).value == 0
    worse = noise * np.where(np.arange(4000) < 2000, 1, 3)
    assert error_changes(Evaluation(task="regression", truth=zeros, label=worse), method=method).value == 1


def test_the_errors_adwin_sees_are_those_themselves():
    wrong = np.random.default_rng(4).random(5000) < np.where(np.arange(5000) < 2500, 0.1, 0.4)
    assert error_changes(judged(wrong)).value == len(streams.adwin(wrong.astype(float)))


def test_what_has_no_changes_of_errors():
    assert "31 of the 32 rows" in error_changes(judged([False] * 31)).note
    assert error_changes(judged([True] * 100)).value == 0
    far = Evaluation(task="regression", truth=np.zeros(40), label=np.full(40, np.nan))
    assert "is no number" in error_changes(far).note
    with pytest.raises(Invalid, match="no test for changes"):
        error_changes(judged([True] * 40), method="adwim")
