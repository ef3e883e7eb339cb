# ruff: noqa: DTZ001 - the columns hold naive times
"""Promises measured on real files, end to end, judged by polars."""

from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.core.errors import Invalid, Unknown
from arkwright.core.promises import Reading
from arkwright.core.rows import fields
from arkwright.data import check
from arkwright.data.scan import files as scan
from arkwright.measures import quality as q


class Flight:
    carrier: str
    distance: float | None
    day: datetime


@pytest.fixture
def flights(tmp_path):
    day = [datetime(2013, 1, 1, h) for h in range(4)]
    table = pa.table({"carrier": ["UA", "AA", "UA", "x"], "distance": [100.0, None, 300.0, 200.0], "day": day})
    pq.write_table(table, tmp_path / "flights.parquet")
    pq.write_table(pa.table({"carrier": ["UA", "AA"]}), tmp_path / "airlines.parquet")
    return tmp_path / "flights.parquet"


def test_all_kinds_of_promise_together(flights):
    now = datetime(2013, 1, 1, 5, tzinfo=UTC).timestamp()
    bound = {
        "rows": q.rows,
        "missing": lambda: q.missing("distance"),
        "duplicates": lambda: q.duplicates("carrier"),
        "references": lambda: q.references("carrier", "airlines.carrier"),
        "quantile": lambda: q.quantile("distance", 0.25),
        "fresh": lambda: q.freshness_hours("day"),
        "schema": q.schema_changes,
    }
    others = {"airlines": flights.with_name("airlines.parquet")}
    for trusted in (True, False):
        assert check.measure(flights, bound, others=others, row=fields(Flight), trusted=trusted, now=now) == {
            "rows": Reading(4, n=4),
            "missing": Reading(0.25, n=4),
            "duplicates": Reading(1, n=4),
            "references": Reading(0.75, n=4),
            "quantile": Reading(150.0, n=3),
            "fresh": Reading(2.0, n=4),
            "schema": Reading(0, n=4),
        }


def test_a_changed_schema_is_told(tmp_path):
    pq.write_table(pa.table({"carrier": [1], "extra": [2.0]}), tmp_path / "t.parquet")
    reading = check.measure(tmp_path / "t.parquet", {"s": q.schema_changes}, row=fields(Flight))["s"]
    assert reading.value == 4
    assert reading.note == "distance is missing; day is missing; extra was added; carrier is int instead of str"
    with pytest.raises(Invalid, match="add  row ="):
        check.measure(tmp_path / "t.parquet", {"s": q.schema_changes})


def test_the_clock_is_ours_when_none_is_given(flights):
    reading = check.measure(flights, {"f": lambda: q.freshness_hours("day")})["f"]
    hours = (datetime.now(UTC) - datetime(2013, 1, 1, 3, tzinfo=UTC)).total_seconds() / 3600
    assert reading.value == pytest.approx(hours, abs=0.1)


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (lambda: q.mean("carrier"), "the promise 'p' does not fit: carrier holds text, not numbers or dates"),
        (lambda: q.matches("distance", "a"), "distance holds numbers, not text"),
        (lambda: q.freshness_hours("distance"), "distance holds numbers, not dates or times"),
        (lambda: q.allowed("carrier", (1,)), "carrier holds text, and 1 is not one of those"),
        (lambda: q.allowed("day", ("yesterday",)), "'yesterday' is not one of those"),
        (lambda: q.references("distance", "airlines.carrier"), "but airlines.carrier holds text"),
    ],
)
def test_a_promise_that_does_not_fit_is_refused_before_a_row_is_read(flights, plan, why, monkeypatch):
    monkeypatch.setattr(scan.Scan, "batches", None)
    with pytest.raises(Invalid, match=why):
        check.measure(flights, {"p": plan}, others={"airlines": flights.with_name("airlines.parquet")})


def test_what_does_not_exist_is_told_with_a_near_miss(flights):
    others = {"airlines": flights.with_name("airlines.parquet")}
    with pytest.raises(Unknown, match='did you mean "carrier"'):
        check.measure(flights, {"p": lambda: q.missing("carier")})
    with pytest.raises(Unknown, match='did you mean "carrier"'):
        check.measure(flights, {"p": lambda: q.references("carrier", "airlines.carrie")}, others=others)
    with pytest.raises(Unknown, match="no dataset 'planes'"):
        check.measure(flights, {"p": lambda: q.references("carrier", "planes.tailnum")}, others=others)


def test_every_column_is_decoded_once(flights, monkeypatch):
    seen = []
    batches = scan.Scan.batches
    monkeypatch.setattr(scan.Scan, "batches", lambda self, columns: seen.append(columns) or batches(self, columns))
    bound = {
        "a": lambda: q.missing("carrier"),
        "b": lambda: q.matches("carrier", "[A-Z]+"),
        "c": lambda: q.distinct("distance"),
        "d": lambda: q.median("distance"),
    }
    check.measure(flights, bound)
    assert seen == [["carrier", "distance"]]


def test_polars_agrees_on_a_larger_table(tmp_path):
    import numpy as np

    rng = np.random.default_rng(7)
    frame = pl.DataFrame(
        {
            "id": rng.permutation(60_000),
            "amount": rng.lognormal(3, 1, 60_000),
            "code": [f"K{i:03d}" for i in rng.integers(0, 700, 60_000)],
            "token": [f"{i:x}" for i in rng.integers(0, 2**40, 60_000)],
        }
    ).with_columns(pl.when(pl.col("amount") > 100).then(None).otherwise(pl.col("amount")).alias("amount"))
    frame.write_parquet(tmp_path / "t.parquet", row_group_size=7_000)
    bound = {
        "ids": lambda: q.distinct("id"),
        "codes": lambda: q.distinct("code"),
        "pairs": lambda: q.duplicates("code", "amount"),
        "tokens": lambda: q.duplicates("token"),
        "mean": lambda: q.mean("amount"),
        "p90": lambda: q.quantile("amount", 0.9),
        "shape": lambda: q.matches("code", "K[0-5].*"),
        "hex": lambda: q.matches("token", "[0-9a-f]{10}"),
    }
    found = {text: reading.value for text, reading in check.measure(tmp_path / "t.parquet", bound).items()}
    amount = frame["amount"].drop_nulls()
    assert found == {
        "ids": 60_000,
        "codes": frame["code"].n_unique(),
        "pairs": 60_000 - frame.select("code", "amount").n_unique(),
        "tokens": 60_000 - frame["token"].n_unique(),
        "mean": pytest.approx(amount.mean(), rel=1e-12),
        "p90": pytest.approx(amount.quantile(0.9, "linear"), rel=1e-12),
        "shape": frame["code"].str.contains("^K[0-5]").mean(),
        "hex": frame["token"].str.contains("^[0-9a-f]{10}$").mean(),
    }
