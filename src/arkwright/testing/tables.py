"""The contract of the socket `Tables`. A plug-in's author subclasses it in a test file and says how to open one."""

from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from arkwright.core.errors import Invalid, Unknown
from arkwright.core.nouns import Column
from arkwright.core.ports import Tables

FLIGHTS = pa.table(
    {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "delay": [1.5, None, -2.0, 0.0],
        "to": ["Zürich", "it's", None, ""],
        "late": [True, False, None, True],
        "day": [date(2013, 1, 1), date(1900, 2, 28), None, date(2100, 1, 1)],
        "at": pa.array([datetime(2013, 1, 1, 5, 17, 0, 1), None, None, None], pa.timestamp("us")),  # noqa: DTZ001
        "raw": [b"\x00\xff", b"", None, b"x"],
    }
)
COLUMNS = tuple(
    Column(name=name, type=kind, nullable=True)
    for name, kind in zip(
        FLIGHTS.column_names, ("int", "float", "str", "bool", "date", "datetime", "bytes"), strict=True
    )
)
TYPES = {
    "count(*)": "int",
    "sum(id)": "int",
    "avg(id)": "float",
    "sum(delay)": "float",
    "1.5": "float",
    'max("to")': "str",
    "max(day)": "date",
    'max("at")': "datetime",
    "bool_and(late)": "bool",
    "max(raw)": "bytes",
}
REFUSED = (
    "DROP VIEW flights",
    "CREATE TABLE x AS SELECT 1",
    "INSERT INTO flights VALUES (1)",
    "SELECT 1; SELECT 2",
    "SELEC 1",
    "",
    "SELECT nothing FROM flights",
    "SELECT id, id FROM flights",
)


class TablesContract:
    """What every engine for columns must do, in the DuckDB dialect."""

    def open(self, folder: Path) -> Tables:
        """An engine whose temporary files go to `folder`."""
        raise NotImplementedError

    @pytest.fixture
    def tables(self, tmp_path: Path) -> Tables:
        return self.open(tmp_path / "tables")

    @pytest.fixture
    def inputs(self, tmp_path: Path) -> dict[str, Path]:
        pq.write_table(FLIGHTS, tmp_path / "flights.parquet")
        return {"flights": tmp_path / "flights.parquet"}

    def test_every_type_goes_through(self, tables: Tables, inputs: dict[str, Path], tmp_path: Path) -> None:
        out = tmp_path / "out.parquet"
        assert tables.write("SELECT * FROM flights ORDER BY id", inputs, out) == 4
        assert pq.read_table(out).equals(FLIGHTS)
        assert tables.columns("SELECT * FROM flights", {"flights": COLUMNS}) == COLUMNS

    def test_types_are_told_and_kept(self, tables: Tables, inputs: dict[str, Path], tmp_path: Path) -> None:
        sql = "SELECT " + ", ".join(f"{what} AS c{n}" for n, what in enumerate(TYPES)) + " FROM flights"  # noqa: S608
        told = tables.columns(sql, {"flights": COLUMNS})
        assert [c.type for c in told] == list(TYPES.values())
        assert [c.name for c in told] == [f"c{n}" for n in range(len(TYPES))]
        assert tables.write(sql, inputs, tmp_path / "out.parquet") == 1
        kept = pq.read_table(tmp_path / "out.parquet")
        assert [str(t) for t in kept.schema.types] == [
            "int64", "int64", "double", "double", "double", "string", "date32[day]", "timestamp[us]", "bool", "binary",
        ]  # fmt: skip
        assert tables.row(sql, inputs)[:3] == (4, 10, 2.5)

    def test_no_rows_are_a_file_too(self, tables: Tables, inputs: dict[str, Path], tmp_path: Path) -> None:
        out = tmp_path / "out.parquet"
        assert tables.write("SELECT * FROM flights WHERE id < 0", inputs, out) == 0
        assert pq.read_table(out).schema.equals(FLIGHTS.schema)

    def test_several_inputs_with_odd_names(self, tables: Tables, tmp_path: Path) -> None:
        pq.write_table(pa.table({'a "b"': [1], "select": [2]}), tmp_path / "it's [1] *.parquet")
        path = tmp_path / "it's [1] *.parquet"
        sql = 'SELECT x."a ""b""" + y."select" AS "from" FROM "my table" x, "order" y'
        assert tables.row(sql, {"my table": path, "order": path}) == (3,)
        columns = (Column(name='a "b"', type="int"), Column(name="select", type="int"))
        assert tables.columns(sql, {"my table": columns, "order": columns})[0].name == "from"

    def test_the_same_query_gives_the_same_bytes(self, tables: Tables, tmp_path: Path) -> None:
        n = 400_000
        rows = pa.table({"g": [i * 7919 % 50_000 for i in range(n)], "x": [i * 0.1 for i in range(n)]})
        pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=10_000)
        sql = "SELECT g, sum(x) AS total, avg(x) OVER (PARTITION BY g % 7) AS m FROM rows GROUP BY g, x"
        for name in ("one", "two", "three"):
            assert tables.write(sql, {"rows": tmp_path / "rows.parquet"}, tmp_path / name) == n
        files = {(tmp_path / name).read_bytes() for name in ("one", "two", "three")}
        assert len(files) == 1

    def test_the_order_asked_for_is_kept(self, tables: Tables, tmp_path: Path) -> None:
        n = 300_000
        pq.write_table(pa.table({"i": [i * 7919 % n for i in range(n)]}), tmp_path / "rows.parquet")
        tables.write("SELECT i FROM rows ORDER BY i DESC", {"rows": tmp_path / "rows.parquet"}, tmp_path / "out")
        assert pq.read_table(tmp_path / "out")["i"].to_pylist() == list(range(n - 1, -1, -1))

    @pytest.mark.parametrize("sql", REFUSED)
    def test_anything_but_one_good_query_is_invalid(
        self, tables: Tables, inputs: dict[str, Path], tmp_path: Path, sql: str
    ) -> None:
        out = tmp_path / "out.parquet"
        out.write_bytes(b"what was there before")
        with pytest.raises(Invalid) as told:
            tables.write(sql, inputs, out)
        assert "\n" not in str(told.value)
        assert out.read_bytes() == b"what was there before"
        assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"flights.parquet", "out.parquet"}
        with pytest.raises(Invalid):
            tables.columns(sql, {"flights": COLUMNS})

    def test_a_mistake_in_the_middle_leaves_what_was_there(self, tables: Tables, tmp_path: Path) -> None:
        pq.write_table(pa.table({"t": ["1"] * 300_000 + ["x"]}), tmp_path / "rows.parquet")
        out = tmp_path / "out.parquet"
        out.write_bytes(b"what was there before")
        with pytest.raises(Invalid, match="'x'"):
            tables.write("SELECT CAST(t AS BIGINT) AS n FROM rows", {"rows": tmp_path / "rows.parquet"}, out)
        assert out.read_bytes() == b"what was there before"
        assert {p.name for p in tmp_path.iterdir() if p.is_file()} == {"rows.parquet", "out.parquet"}

    def test_near_misses_are_told(self, tables: Tables) -> None:
        with pytest.raises(Invalid, match="delay"):
            tables.columns("SELECT dellay FROM flights", {"flights": COLUMNS})
        with pytest.raises(Invalid, match='mean "flights"'):
            tables.columns("SELECT delay FROM flihts", {"flights": COLUMNS})

    def test_a_number_beyond_64_bits_is_said(self, tables: Tables, tmp_path: Path) -> None:
        pq.write_table(pa.table({"n": [2**62, 2**62, 2**62]}), tmp_path / "n.parquet")
        with pytest.raises(Invalid, match="total"):
            tables.write("SELECT sum(n) AS total FROM n", {"n": tmp_path / "n.parquet"}, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_one_row_is_one_row(self, tables: Tables, inputs: dict[str, Path]) -> None:
        assert tables.row("SELECT count(*), sum(delay), 1.5, NULL FROM flights", inputs) == (4, -0.5, 1.5, None)
        for sql in ("SELECT id FROM flights", "SELECT id FROM flights WHERE id < 0"):
            with pytest.raises(Invalid, match="row"):
                tables.row(sql, inputs)

    def test_missing_and_broken_inputs(self, tables: Tables, tmp_path: Path) -> None:
        with pytest.raises(Unknown, match="flights"):
            tables.row("SELECT 1", {"flights": tmp_path / "nothing.parquet"})
        (tmp_path / "bad.parquet").write_bytes(b"PAR1 this is no Parquet PAR1")
        with pytest.raises(Invalid):
            tables.row("SELECT count(*) FROM flights", {"flights": tmp_path / "bad.parquet"})
