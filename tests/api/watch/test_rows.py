"""What is promised of data holds of what comes: measured on the window's rows as they were logged."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.api.watch.test_labelled import COLUMNS, Logged, logged, yes

from arkwright.api.watch import rows_by_hour
from arkwright.api.watch.rows import readings
from arkwright.core import arrow
from arkwright.core.promises import parse
from arkwright.data import check
from arkwright.data.scan import sql
from arkwright.measures import binding, registry

__all__ = ["logged"]
PROMISES = (
    "rows >= 100", "missing(country) <= 0.01", "missing(spent) < 1", "nulls(vip) < 9", "duplicates(country, spent) < 9",
    "distinct(country) <= 3", "smallest(spent) >= 0", "largest(at) < 1e10", "mean(vip) < 0.9", "median(spent) > 1",
    "quantile(spent, 0.99) < 100", "between(spent, 0, 50) > 0.1", 'allowed(country, ["DE", "FR"]) == 1',
    'allowed(at, ["2026-01-01"]) > 0', 'matches(country, "D.") > 0', "mean(prediction) < 1",
)  # fmt: skip


def found(logged, *texts):
    found = readings(logged.window(), {text: parse(text) for text in texts})
    return [found[text] for text in texts]


def rows(n):
    rng = np.random.default_rng(1)
    return [
        {
            "country": (None, "DE", "FR", "IT")[rng.integers(0, 4)],
            "spent": [None, float(rng.uniform(0, 90))][i % 7 > 0],
            "at": f"2026-01-0{1 + i % 3}", "vip": bool(i % 2), "prediction": i % 5,
        }
        for i in range(n)
    ]  # fmt: skip


def test_as_a_dataset_of_the_same_rows(logged, tmp_path):
    given = rows(300)
    logged.answer(given[:200], [yes(0.9)] * 200)
    logged.answer(given[200:], [yes(0.1)] * 100, "more", ago=300)
    logged.answer(given[:50], [yes(0.1)] * 50, "old", ago=3 * 86400)
    logged.answer(given[:50], [yes(0.1)] * 50, "other", release="release:buys@2")
    logged.answer(given[:50], [{"error": "no"}] * 50, "bad", status=422)
    path = tmp_path / "same.parquet"
    schema = arrow.schema(COLUMNS)
    days = [row | {"at": np.datetime64(row["at"]).astype(object)} for row in given]
    pq.write_table(pa.Table.from_pylist(days, schema), path)
    scope = registry.Scope(tuple(column.name for column in COLUMNS))
    expected = check.measure(path, {t: binding.bind(parse(t).call, "data", scope) for t in PROMISES})
    for text, reading in zip(PROMISES, found(logged, *PROMISES), strict=True):
        assert reading.value == pytest.approx(expected[text].value), text
        assert reading.n == expected[text].n


def test_an_hour_is_asked_once_and_again_when_more_of_it_comes(logged, monkeypatch):
    real, asked, first = sql.by, [], []
    monkeypatch.setattr(sql, "by", lambda *given: asked.append(given) or first.append(given[1]) or real(*given))
    promises = {text: parse(text) for text in ("rows >= 1", "mean(spent) < 90", "largest(at) < 1e10")}

    def look(days=2):
        """(the rows that there are, how many times the log was read)"""
        asked.clear()
        ours = readings(logged.window(days), promises)
        with monkeypatch.context() as patched:
            patched.setattr(rows_by_hour, "adds_up", lambda _: False)
            whole = readings(logged.window(days), promises)
        for text in promises:
            assert (ours[text].value, ours[text].n) == (pytest.approx(whole[text].value), whole[text].n)
        return ours["rows >= 1"].value, len(asked)

    for hours in (2, 6, 40):
        logged.answer(rows(hours), [yes(0.9)] * hours, f"h{hours}-", ago=hours * 3600)
    assert look() == (48, 1)
    assert first[0].count("no_rows") == 1  # however many nights lie between, each file is read once
    assert look(days=1) == (8, 0)
    logged.answer(rows(4), [yes(0.9)] * 4, "late", ago=6 * 3600)
    logged.answer(rows(8), [yes(0.9)] * 8, "now", ago=0)
    assert look() == (60, 1)
    assert look() == (60, 1)  # the hour that goes on


def test_answers_are_columns_too(logged):
    logged.answer([{}] * 4, [yes(0.9), yes(0.2), yes(0.6), {"prediction": {"label": 1}}])
    score, missing, said, own = found(
        logged,
        "mean(score) < 1",
        "missing(score) < 1",
        'allowed(answer_prediction, ["1"]) < 1',
        "distinct(prediction) > 1",
    )
    assert score.value == pytest.approx((0.9 + 0.2 + 0.6) / 3)
    assert (missing.value, said.value, own.value) == (0.25, 0.75, 0)  # a column called `prediction` is the caller's


def test_nothing_came(logged):
    count, missing, mean = found(logged, "rows >= 1", "missing(country) < 1", "mean(spent) < 1")
    assert (count.value, count.n) == (0, 0)
    assert (missing.value, missing.note) == (None, "there are no rows")
    assert mean.value is None


def test_how_new_rows_were_is_as_of_the_end_of_their_window(logged):
    """A rehearsal looks at windows that ended long ago."""
    until = datetime.now(UTC) - timedelta(days=40)
    logged.answer([{"at": f"{until:%Y-%m-%d}"}], [yes(0.9)], ago=40 * 86400 + 600)
    window, text = replace(logged.window(), since=until - timedelta(days=1), until=until), "freshness_hours(at) <= 24"
    found = readings(window, {text: parse(text)})[text]
    assert found.value == pytest.approx(until.hour + until.minute / 60, abs=1 / 60)


def test_one_row_and_all_null(logged):
    logged.answer([{}], [yes(0.9)])
    count, missing, mean, share = found(
        logged, "rows == 1", "missing(spent) < 1", "mean(spent) < 1", "between(spent, 0, 1) > 0"
    )
    assert (count.value, missing.value) == (1, 1)
    assert (mean.value, mean.note) == (None, "spent is null in every row")
    assert share.value is None


def test_one_that_does_not_fit_stops_no_other(logged):
    logged.answer(rows(10), [yes(0.9)] * 10)
    logged.answer(rows(10), [yes(0.9)] * 10, "more", redact=("country",))
    text, near, redacted, other, good = found(
        logged, "mean(at) < 1", "missing(spend) < 1", "missing(country) < 1", "references(at, b.at) == 1", "rows > 1",
    )  # fmt: skip
    assert text.value == pytest.approx(1767225600 + 86400, rel=1e-3)
    assert 'did you mean "spent"' in near.note
    assert redacted.note == "country is redacted in rows of this window: nothing can be said of it"
    assert "references cannot be measured on traffic" in other.note
    assert good.value == 20
    words, good = found(logged, "mean(answer_prediction) < 1", "rows > 1")
    assert words.note.endswith("answer_prediction holds text, not numbers or dates")
    assert good.value == 20


def test_a_regression_has_no_score(tmp_path, monkeypatch):
    logged = Logged(tmp_path / "site", monkeypatch, classes=())
    logged.answer([{}] * 2, [{"prediction": {"value": 1.5}}, {"prediction": {"value": 2.5}}])
    mean, score = found(logged, "mean(answer_prediction) < 3", "mean(score) < 1")
    assert mean.value == 2
    assert "there is no column 'score'" in score.note
