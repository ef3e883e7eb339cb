import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Column
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.testing.tables import COLUMNS, FLIGHTS, TablesContract

ENDLESS = "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) SELECT n FROM t"
A_VARIABLE = pa.table({"secret": [1]})


class TestContract(TablesContract):
    def open(self, folder):
        return DuckTables(folder)


@pytest.fixture
def inputs(tmp_path):
    pq.write_table(FLIGHTS, tmp_path / "flights.parquet")
    return {"flights": tmp_path / "flights.parquet"}


@pytest.fixture
def tables(tmp_path):
    return DuckTables(tmp_path / "tmp", seconds=20)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{canary}')",
        "SELECT * FROM read_csv_auto('{canary}')",
        "SELECT * FROM '{canary}'",
        "SELECT * FROM sniff_csv('{canary}')",
        "SELECT * FROM read_text('{canary}')",
        "SELECT * FROM read_blob('{canary}')",
        "SELECT * FROM read_json('{canary}')",
        "SELECT * FROM read_ndjson_objects('{canary}')",
        "SELECT * FROM read_parquet('{parquet}')",
        "SELECT * FROM parquet_scan(['{parquet}'])",
        "SELECT * FROM parquet_metadata('{parquet}')",
        "SELECT * FROM parquet_schema('{parquet}')",
        "SELECT * FROM parquet_kv_metadata('{parquet}')",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM flights WHERE EXISTS (SELECT * FROM read_text('{canary}'))",
        "SELECT * FROM query('FROM read_text(''{canary}'')')",
        "SELECT * FROM query_table('{canary}')",
        "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
        "SELECT * FROM read_parquet('s3://bucket/x')",
        "SELECT * FROM A_VARIABLE",
        "SELECT * FROM sql",
        "SELECT * FROM python_map_function()",
        "SELECT * FROM duckdb_secrets()",
        "SELECT getenv('HOME')",
        "SELECT load_extension('x')",
        "COPY flights TO '{folder}/stolen.csv'",
        "COPY (SELECT 1) TO '{folder}/stolen.parquet'",
        "ATTACH '{folder}/stolen.db'",
        "EXPORT DATABASE '{folder}/stolen'",
        "IMPORT DATABASE '{folder}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "RESET allowed_paths",
        "PRAGMA enable_external_access = true",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "CREATE SECRET s (TYPE s3)",
        "CREATE MACRO f() AS 1",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "BEGIN",
        "CHECKPOINT",
        "VACUUM",
        "USE memory",
        "SELECT 1; COPY flights TO '{folder}/stolen.csv'",
        "/* SELECT */ DETACH memory",
    ],
)
def test_a_query_reaches_nothing_but_its_inputs(tables, inputs, tmp_path, sql):
    canary, other = tmp_path / "canary.csv", tmp_path / "other.parquet"
    canary.write_text("tweet\nquiet\n")
    pq.write_table(FLIGHTS, other)
    text = sql.format(canary=canary, parquet=other, folder=tmp_path)
    with pytest.raises(Invalid) as told:
        tables.write(text, inputs, tmp_path / "out.parquet")
    assert "quiet" not in str(told.value)
    with pytest.raises(Invalid):
        tables.columns(text, {"flights": COLUMNS})
    with pytest.raises(Invalid):
        tables.row(text, inputs)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["canary.csv", "flights.parquet", "other.parquet", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_every_bolt_is_shot(tables, inputs):
    bolts = {
        "enable_external_access": False,
        "lock_configuration": True,
        "python_enable_replacements": False,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "threads": 1,
    }
    found = tables.row("SELECT " + ", ".join(f"current_setting('{bolt}')" for bolt in bolts), inputs)
    assert dict(zip(bolts, found, strict=True)) == bolts


def test_an_endless_query_is_stopped(inputs, tmp_path):
    tables = DuckTables(tmp_path / "tmp", seconds=0.5)
    begin = time.monotonic()
    with pytest.raises(Invalid, match=r"longer than 0\.5 s"):
        tables.write(ENDLESS, inputs, tmp_path / "out")
    with pytest.raises(Invalid, match=r"longer than 0\.5 s"):
        tables.columns(ENDLESS, {})
    with pytest.raises(Invalid, match=r"longer than 0\.5 s"):
        tables.row("SELECT count(*) FROM range(100000000000)", inputs)
    assert time.monotonic() - begin < 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["flights.parquet", "tmp"]


def test_a_greedy_query_is_stopped(inputs, tmp_path):
    tables = DuckTables(tmp_path / "tmp", memory="50MiB")
    with pytest.raises(Invalid, match="more than the 50MiB"):
        tables.row("SELECT length(string_agg(repeat('x', 1000))) FROM range(1000000)", inputs)


def test_what_does_not_fit_in_memory_goes_to_the_disk(inputs, tmp_path):
    tables = DuckTables(tmp_path / "tmp", memory="60MiB")
    sql = "SELECT count(*) FROM (SELECT DISTINCT i, repeat('x', 40) || i FROM range(1500000) t(i))"
    assert tables.row(sql, inputs) == (1_500_000,)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, small_disk):
    disk = small_disk(2)
    (disk / "out.parquet").write_bytes(b"what was there before")
    sql = "SELECT md5(i::VARCHAR) AS h FROM range(1000000) t(i)"
    with pytest.raises(ArkwrightError, match="disk is full"):
        DuckTables(tmp_path / "tmp").write(sql, {}, disk / "out.parquet")
    assert [p.name for p in disk.iterdir()] == ["out.parquet"]
    assert (disk / "out.parquet").read_bytes() == b"what was there before"
    spill = "SELECT count(*) FROM (SELECT DISTINCT hash(i), repeat('x', 40) || i FROM range(1500000) t(i))"
    with pytest.raises(ArkwrightError, match=r"disk is full|more than the 60MiB"):
        DuckTables(disk / "tmp", memory="60MiB").row(spill, {})


def test_row_groups_are_of_one_size(tables, inputs, tmp_path):
    sql = "SELECT i FROM range(500000) t(i) WHERE i % 3 > 0"
    rows = tables.write(sql, inputs, tmp_path / "out")
    facts = pq.ParquetFile(tmp_path / "out").metadata
    assert [facts.row_group(n).num_rows for n in range(facts.num_row_groups)] == [131072, 131072, rows - 262144]
    assert facts.row_group(0).column(0).compression == "ZSTD"


def test_the_clock_of_the_machine_does_not_matter(tmp_path):
    script = (
        "import sys; from pathlib import Path; from arkwright.infra.duckdb_tables import DuckTables\n"
        "t = DuckTables(Path(sys.argv[1]))\n"
        "print(t.row(\"SELECT date_part('hour', TIMESTAMPTZ '2013-07-01 12:00:00+00'), "
        "CAST(TIMESTAMPTZ '2013-07-01 12:00:00+00' AS VARCHAR)\", {}))"
    )
    said = set()
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        env = os.environ | {"TZ": zone}
        said.add(subprocess.check_output([sys.executable, "-c", script, tmp_path], env=env, text=True))
    assert said == {"(12, '2013-07-01 12:00:00+00')\n"}


def test_times_with_a_zone_are_kept_in_utc(tables, tmp_path):
    tables.write("SELECT TIMESTAMPTZ '2013-07-01 12:00:00+02' AS at", {}, tmp_path / "out")
    assert str(pq.read_table(tmp_path / "out")["at"][0]) == "2013-07-01 10:00:00"


def test_messages_are_short_and_say_where(tables):
    column = (Column(name="a", type="int"), Column(name="b", type="str"))
    for sql, message in {
        "SELECT a + b FROM v": "No function matches the given name and argument types '+(BIGINT, VARCHAR)'",
        "SELECT a,\n\nb b b FROM v": "(line 3 of the query)",
        "PIVOT v ON b USING sum(a)": "a PIVOT must list its values",
        "SELECT [a] AS l FROM v": "'l' is list",
    }.items():
        with pytest.raises(Invalid) as told:
            tables.columns(sql, {"v": column})
        assert message in str(told.value)
        assert len(str(told.value)) < 250
    assert tables.columns("PIVOT v ON b IN ('x') USING sum(a)", {"v": column})[0].name == "x"


def test_paths_with_odd_letters(tables, tmp_path):
    folder = tmp_path / "a [b] 'c' *"
    folder.mkdir()
    (tmp_path / "a b 'c' x").mkdir()
    pq.write_table(pa.table({"n": [1]}), folder / "x?.parquet")
    pq.write_table(pa.table({"n": [2]}), tmp_path / "a b 'c' x" / "xx.parquet")
    assert tables.row("SELECT n FROM t", {"t": folder / "x?.parquet"}) == (1,)
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert tables.row("SELECT n FROM t", {"t": Path("a b 'c' x/xx.parquet")}) == (2,)
    finally:
        os.chdir(here)


def test_columns_that_are_one_name_to_sql_are_refused_and_not_renamed(tables, tmp_path):
    pq.write_table(pa.table({"Id": [1], "id": [2]}), tmp_path / "twins.parquet")
    said = "t has columns 'Id' and 'id', which are one name to SQL; rename one of them"
    with pytest.raises(Invalid, match=said):
        tables.write("SELECT * FROM t", {"t": tmp_path / "twins.parquet"}, tmp_path / "out.parquet")
    with pytest.raises(Invalid, match=said):
        tables.columns("SELECT 1 AS x FROM t", {"t": [Column(name="Id", type="int"), Column(name="id", type="int")]})
    assert not (tmp_path / "out.parquet").exists()
