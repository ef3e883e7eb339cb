"""What is kept by the hour is what all rows of a window tell at once, and a second look reads only what is new."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.api.watch.test_labelled import logged, yes

from arkwright.api.watch import answered, by_hour, different_by_hour, rows, rows_by_hour
from arkwright.api.watch.beside import asked
from arkwright.core.errors import Corrupt
from arkwright.core.promises import parse
from arkwright.measures import traffic
from arkwright.monitor.asked import LAYOUT
from arkwright.monitor.database import Database
from arkwright.serve.tap import compact as compacting

__all__ = ["logged"]
HOUR = 3600
RATES = (
    "positive_rate >= 0", "selection_rate_ratio(by=country, at_least=1) > 0", "gap(positive_rate, by=vip) < 1",
    "worst_group(positive_rate, by=(country, at), at_least=1) < 1", "gap(positive_rate, by=spent, at_least=3) < 1",
)  # fmt: skip
DIFFERENT = ("distinct(spent) < 9", "distinct(answer_prediction) < 9", "duplicates(country, at, prediction, vip) < 9")


def rates(window):
    return answered.readings(window, {text: asked(parse(text)) for text in RATES})


def different(window):
    return rows.readings(window, {text: parse(text) for text in DIFFERENT})


def at_once(patched):
    """As if no hours added up."""
    patched.setattr(traffic, "only_counts", lambda _: False)
    patched.setattr(rows_by_hour, "adds_up", lambda _: False)


def some(rng, n):
    """(rows, what was answered), of which some tell nothing."""
    given = [
        {
            "country": (None, "DE", "FR")[rng.integers(0, 3)], "spent": (None, -0.5, 1.0, 2.5)[rng.integers(0, 4)],
            "at": f"2026-01-0{rng.integers(1, 4)}", "vip": bool(rng.integers(0, 2)), "prediction": int(rng.integers(9)),
        }
        for _ in range(n)
    ]  # fmt: skip
    said = [{"prediction": {}} if rng.random() < 0.1 else yes(float(rng.random())) for _ in range(n)]
    return given, said


def test_as_all_rows_at_once_whatever_came_in_what_order(logged, monkeypatch):
    """Late, refused, of another release, and in files that are joined meanwhile."""
    monkeypatch.setattr(compacting, "MERGE", 3)
    rng = np.random.default_rng(0)
    for turn in range(6):
        ago = int(rng.integers(HOUR, 3 * HOUR))
        release = "release:buys@1" if rng.random() < 0.8 else "release:buys@2"
        status = 200 if rng.random() < 0.8 else 422
        logged.answer(*some(rng, 9), f"t{turn}-", ago=ago, release=release, status=status)
        if turn % 3 == 2:
            window = logged.window()
            cut = replace(window, since=window.until - timedelta(seconds=int(rng.integers(1, 4 * HOUR))))
            for one in (window, cut)[: 1 + turn // 4]:
                found = rates(one) | different(one)
                with monkeypatch.context() as patched:
                    at_once(patched)
                    assert found == rates(one) | different(one)


@pytest.fixture
def read(logged, monkeypatch):
    """(how many rows of the log are read for hours, in how many files they are), each time."""
    real, seen = by_hour.rows, []

    def counted(came, wanted):
        sql = real(came, wanted)
        n = logged.site.tables.row(f"SELECT count(*) FROM ({sql})", came.files)[0]
        seen.append((n, len(came.files) - 1))  # one has no rows
        return sql

    monkeypatch.setattr(by_hour, "rows", counted)
    return seen


@pytest.mark.parametrize(("look", "questions"), [(rates, 1), (different, 4)])
def test_a_second_look_reads_only_what_is_new(logged, read, look, questions):
    rng = np.random.default_rng(5)
    for hours in (2, 5, 20):
        logged.answer(*some(rng, 7), f"h{hours}-", ago=hours * HOUR)
    look(logged.window())
    look(logged.window())
    assert read == [(21, 3)] * questions
    logged.answer(*some(rng, 4), "late", ago=5 * HOUR)
    look(logged.window())
    look(logged.window())
    assert read == [(21, 3)] * questions + [(11, 2)] * questions


def test_of_very_many_hours_some_are_kept_at_a_time(logged, monkeypatch):
    monkeypatch.setattr(by_hour, "AT_ONCE", 1)
    rng = np.random.default_rng(6)
    for hours in (2, 5):
        logged.answer(*some(rng, 7), f"h{hours}-", ago=hours * HOUR)
    assert rates(logged.window())["positive_rate >= 0"].note.startswith("14 rows")
    assert rates(logged.window())["positive_rate >= 0"].note.startswith("14 rows")


def test_of_very_many_rows_some_fingerprints_are_sorted_at_a_time(logged, monkeypatch):
    monkeypatch.setattr(different_by_hour, "SORTED", 3)
    rng = np.random.default_rng(8)
    for hours in (2, 5):
        logged.answer([{"spent": float(spent)} for spent in rng.integers(0, 12, 20)], [yes(0.9)] * 20, ago=hours * HOUR)
    found = different(logged.window())["distinct(spent) < 9"]
    with monkeypatch.context() as patched:
        at_once(patched)
        assert found == different(logged.window())["distinct(spent) < 9"]


def test_what_is_kept_and_makes_no_sense_is_told(logged):
    logged.answer(*some(np.random.default_rng(7), 7), ago=5 * HOUR)
    rates(logged.window())
    file = logged.site.watched / "buys.rows.db"
    with closing(Database(file, "", LAYOUT)) as kept:
        kept.run("UPDATE hour SET answer = x'00'")
    with pytest.raises(Corrupt, match=r"buys\.rows\.db is not what was kept: .*; remove it"):
        rates(logged.window())
