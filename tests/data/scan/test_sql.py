# ruff: noqa: DTZ001, FBT003 - the columns hold naive times; examples are given by position
"""The scan over Parquet and the one SQL query must find the same on any table."""

import math
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from arkwright.core import arrow
from arkwright.core.errors import Invalid, Unknown
from arkwright.core.nouns import Column
from arkwright.data import check
from arkwright.data.scan import parts
from arkwright.data.scan import sql as sql_check
from arkwright.data.scan.sql import query
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.measures import quality as q
from arkwright.measures.aggregates import Now, Rows

NOW = 1_800_000_000.0
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
WORDS = st.one_of(st.sampled_from(["", "a", "ab", "Ab", "é", "e\u0301", "日本", "x\ny", "'", '"']), TEXT)
MOMENTS = st.datetimes(datetime(1902, 1, 1), datetime(2250, 1, 1))
COLUMNS = {
    "select": (pa.int64(), st.integers(-5, 5) | st.integers(-(2**53), 2**53)),
    'a "quoted" name': (pa.float64(), st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, math.nan, 1.5])),
    "Größe in m²": (pa.string(), WORDS),
    "group": (pa.bool_(), st.booleans()),
    "order.by": (pa.date32(), st.dates(date(1902, 1, 1), date(2200, 1, 1))),
    "when": (pa.timestamp("us"), MOMENTS),
    "raw": (pa.binary(), st.binary(max_size=3)),
}
INT, FLOAT, TEXTS, BOOL, DAY, WHEN, RAW = COLUMNS


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 25))
    made = {}
    for name, (kind, values) in COLUMNS.items():
        cells = st.none() | values if draw(st.booleans()) else draw(st.sampled_from([values, st.none()]))
        made[name] = pa.array(draw(st.lists(cells, min_size=rows, max_size=rows)), kind)
    return pa.table(made)


def all_measures():
    numeric = (INT, FLOAT, BOOL, DAY, WHEN)
    plans = {"rows": q.rows()}
    for c in COLUMNS:
        plans |= {f"missing {c}": q.missing(c), f"nulls {c}": q.nulls(c), f"distinct {c}": q.distinct(c)}
        plans |= {f"duplicates {c}": q.duplicates(c), f"found {c}": q.references(c, f"other.{c}")}
    del plans[f"found {RAW}"]
    for c in numeric:
        plans |= {f"smallest {c}": q.smallest(c), f"largest {c}": q.largest(c), f"mean {c}": q.mean(c)}
        plans |= {f"q {share} {c}": q.quantile(c, share) for share in (0.0, 0.1, 0.5, 0.999, 1.0)}
        plans |= {f"between {c}": q.between(c, -1.5, 86400)}
    plans["allowed int"] = q.allowed(INT, (1, 2.0, 3.5, -1))
    plans["allowed float"] = q.allowed(FLOAT, (0, 1.5, 2.5))
    plans["allowed text"] = q.allowed(TEXTS, ("a", "é", "'", "日本"))
    plans["allowed bool"] = q.allowed(BOOL, (True,))
    plans["allowed day"] = q.allowed(DAY, ("1969-12-31", "2000-01-01"))
    plans["allowed when"] = q.allowed(WHEN, ("2000-01-01", "1969-12-31T23:59:59.999999", "2000-01-01T02:00:00+02:00"))
    plans["allowed nothing"] = q.allowed(TEXTS, ())
    for pattern in ("a.*", ".", "[a-z]+|é", "(?i)AB", "", r"\p{L}+", "a|ab"):
        plans[f"matches {pattern}"] = q.matches(TEXTS, pattern)
    plans["fresh"] = q.freshness_hours(WHEN)
    plans["fresh day"] = q.freshness_hours(DAY)
    plans["key"] = q.duplicates(INT, DAY)
    plans["text key"] = q.duplicates(TEXTS, FLOAT, BOOL)
    plans["wide key"] = q.duplicates(*COLUMNS)
    return {text: (lambda plan=plan: plan) for text, plan in plans.items()}


def same(one, other):
    if one.value is None or other.value is None:
        return one == other
    close = math.isclose(one.value, other.value, rel_tol=1e-9, abs_tol=1e-6)
    return (close or (math.isnan(one.value) and math.isnan(other.value))) and (one.n, one.note) == (other.n, other.note)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


SPREAD = pa.table(
    {
        INT: [1, 1, None, 3],
        FLOAT: [0.0, -0.0, math.nan, None],
        TEXTS: ["a", "ab", None, "é"],
        BOOL: [True, None, True, False],
        DAY: pa.array([date(1969, 12, 31), None, date(2000, 1, 1), date(1902, 1, 1)]),
        WHEN: pa.array(
            [datetime(1969, 12, 31, 23, 59, 59, 999999), datetime(2000, 1, 1), None, None], pa.timestamp("us")
        ),
        RAW: pa.array([b"", b"\0", None, b""]),
    }
)


@settings(
    max_examples=30,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tables(), tables(), st.booleans(), st.booleans(), st.sampled_from([1, 3, 1000]), st.booleans())
@example(SPREAD, SPREAD, True, True, 2, True)
@example(SPREAD.slice(0, 0), SPREAD, False, True, 1000, True)
def test_both_engines_agree(place, table, other, coded, statistics, group, trusted):
    data, known = place / "data.parquet", place / "other.parquet"
    how = {"use_dictionary": coded, "write_statistics": statistics, "row_group_size": group}
    pq.write_table(table, data, **how)
    pq.write_table(other, known, **how)
    bound = all_measures()
    ours = check.measure(data, bound, others={"other": known}, trusted=trusted, now=NOW)
    columns = {"data": arrow.columns(table.schema), "other": arrow.columns(other.schema)}
    engine = DuckTables(place / "temp")
    theirs = sql_check.measure(engine, "data", {"data": data, "other": known}, columns, bound, now=NOW)
    wrong = {text: (ours[text], theirs[text]) for text in bound if not same(ours[text], theirs[text])}
    assert not wrong


def test_the_answers_of_parts_add_up(place):
    more = pa.table({INT: [2**53, 7] * 9, FLOAT: [-1.5, 1e6, 0.1] * 6, TEXTS: ["b"] * 18}).cast(
        pa.schema([SPREAD.schema.field(name) for name in (INT, FLOAT, TEXTS)])
    )
    given = [SPREAD, SPREAD.slice(0, 1), SPREAD.slice(0, 0), SPREAD.slice(1), more]
    told = [one.append_column("part", pa.array([n] * len(one), "int64")) for n, one in enumerate(given)]
    whole = pa.concat_tables(told, promote_options="default")
    columns, engine = arrow.columns(whole.schema), DuckTables(place / "temp")
    pq.write_table(whole, place / "data.parquet")
    inputs = {"data": place / "data.parquet"}
    plans = {text: made() for text, made in all_measures().items()}
    plans = {text: made for text, made in plans.items() if all(map(parts.adds_up, made.needs))}
    assert len(plans) > 40
    needs = parts.weighed([need for made in plans.values() for need in made.needs if need != Now()])
    kinds = {column.name: column.type for column in columns}
    found = sql_check.by(engine, "SELECT * FROM data", "it", inputs, kinds, needs, "part", place / "by.parquet")
    assert sorted(found) == [n for n, one in enumerate(given) if len(one)]
    ours = check.finish(plans, {**parts.together(needs, [*found.values()]), Now(): NOW})
    bound = {text: (lambda made=made: made) for text, made in plans.items()}
    theirs = sql_check.measure(engine, "data", inputs, {"data": columns}, bound, now=NOW)
    assert not {text: (ours[text], theirs[text]) for text in plans if not same(ours[text], theirs[text])}


def test_it_is_one_query_and_reads_only_what_it_needs(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": [1, 2]}), path)

    asked = []

    class Counting:
        def row(self, sql, inputs):
            asked.append((sql, dict(inputs)))
            return DuckTables(tmp_path).row(sql, inputs)

    columns = {"t": (Column(name="x", type="int"),), "unused": ()}
    bound = {"a": q.rows, "b": lambda: q.missing("x"), "c": lambda: q.mean("x")}
    found = sql_check.measure(Counting(), "t", {"t": path, "unused": Path("nowhere")}, columns, bound)
    assert [reading.value for reading in found.values()] == [2, 0.0, 1.5]
    assert len(asked) == 1
    assert asked[0][1] == {"t": path}


def test_what_needs_no_row_needs_no_query():
    from arkwright.core.rows import from_columns

    columns = (Column(name="x", type="int"),)
    found = sql_check.measure(None, "t", {}, {"t": columns}, {}, row=from_columns(columns))
    assert found == {}


def test_what_does_not_fit_is_refused():
    columns = {"t": (Column(name="x", type="str"),)}
    with pytest.raises(Invalid, match="x holds text, not numbers"):
        sql_check.measure(None, "t", {}, columns, {"mean(x) > 0": lambda: q.mean("x")})
    with pytest.raises(Unknown, match=r'did you mean "x"|no column'):
        sql_check.measure(None, "t", {}, columns, {"mean(xx) > 0": lambda: q.mean("xx")})


def test_names_are_quoted():
    assert query('we"ird', {}, [Rows()]) == (
        'SELECT count(*) AS a0 FROM (SELECT 1 FROM "we""ird") AS rows_',
        ('we"ird',),
    )
