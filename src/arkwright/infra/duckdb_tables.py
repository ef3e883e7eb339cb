"""Columns by DuckDB: one SELECT over named Parquet files, which can reach nothing else.

One thread and fixed writer settings: the same query on the same inputs gives the same bytes. With more threads DuckDB
adds floats and emits groups in the order in which threads come. What does not fit into memory goes to the disk.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core import arrow
from arkwright.core.durable import publish, writing
from arkwright.core.errors import ArkwrightError, Full, Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Column
from arkwright.core.quoting import quoted_name, quoted_text
from arkwright.infra.memory import allowed
from arkwright.infra.scratch import scratch

ROW_GROUP = 131_072
MOST_MEMORY = 4 << 30
_SETTINGS: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,  # a query must not read the Python variables of its callers
    "preserve_insertion_order": True,
    "threads": 1,
}
_TYPES = {"int": "BIGINT", "float": "DOUBLE", "str": "VARCHAR", "bool": "BOOLEAN", "date": "DATE",
          "datetime": "TIMESTAMP", "bytes": "BLOB"}  # fmt: skip
_HUGE = ("HUGEINT", "UHUGEINT")
_NOISE = re.compile(r"\s+LINE \d+:|\s+Possible solutions:|\s+Candidate functions:|\s+Candidate bindings:")
_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")
_NO_COLUMN = re.compile(r'Referenced column "(.+?)" not found|does not have a column named "(.+?)"')


class _Streamed(Exception):
    """An error of the engine in the middle of its answer."""


class DuckTables:
    """Queries in the DuckDB dialect. `temp_dir` takes what does not fit into `memory` (default: half of what there is,
    at most 4 GiB); `seconds` ends a query.
    """

    def __init__(self, temp_dir: Path, *, memory: str | None = None, seconds: float = 3600) -> None:
        self.temp_dir, self.seconds = temp_dir, seconds
        self.memory = memory or f"{min(MOST_MEMORY, allowed() // 2) >> 20}MiB"

    def columns(self, sql: str, inputs: Mapping[str, Sequence[Column]]) -> tuple[Column, ...]:
        """What the query would produce, tried on empty tables. Raises Invalid with the engine's reason.

        Numbers come as `int` and `float` only: DECIMAL becomes float, HUGEINT (any sum of integers) becomes int; every
        column may be null.
        """
        with self._session() as db:
            for name, given in inputs.items():
                _check_twins(name, [c.name for c in given])
                spelt = ", ".join(f"{quoted_name(c.name)} {_TYPES[c.type]}" for c in given)
                db.execute(f"CREATE TABLE {quoted_name(name)} ({spelt})")
            relation = self._query(db, sql)
            reader = relation.to_arrow_reader(ROW_GROUP)
            found = _columns(relation, reader.schema)
            for _ in _batches(reader):
                pass
            return found

    def write(self, sql: str, inputs: Mapping[str, Path], out: Path) -> int:
        """Run the query and write one Parquet file (zstd, 131072 rows a group); the number of rows.

        The file is there wholly or not at all. Raises Invalid with the engine's reason, when an integer is beyond 64
        bits, or when the time or the memory does not suffice; Unknown when an input is missing.
        """
        half = out.with_name(f".{out.name}.half")
        with self._session() as db, writing(str(out), half):
            _open(db, inputs)
            rows = _write(self._query(db, sql), half)
            publish(half, out)
        return rows

    def row(self, sql: str, inputs: Mapping[str, Path]) -> tuple[Any, ...]:
        """The one row of an aggregate query, as Python values; DECIMAL as float. Raises as `write` does."""
        with self._session() as db:
            _open(db, inputs)
            found = self._query(db, sql).limit(2).fetchall()
        if len(found) != 1:
            raise Invalid(f"the query gives {'no row' if not found else 'several rows'} where one is wanted")
        return tuple(float(value) if isinstance(value, Decimal) else value for value in found[0])

    @contextmanager
    def _session(self) -> Iterator[Any]:
        """A connection of its own, its temporary files and its clock."""
        with scratch(self.temp_dir, "duckdb") as folder:
            settings = {"temp_directory": str(folder), "memory_limit": self.memory, **_SETTINGS}
            with self._timed(duckdb.connect(":memory:", config=settings)) as db:
                yield db

    @contextmanager
    def _timed(self, db: Any) -> Iterator[Any]:
        clock = threading.Timer(self.seconds, db.interrupt)
        clock.daemon = True
        try:
            db.execute("SET TimeZone = 'UTC'")
            clock.start()
            yield db
        except (duckdb.Error, _Streamed) as error:
            raise self._explain(str(error), db) from None
        finally:
            clock.cancel()
            db.close()

    def _query(self, db: Any, sql: str) -> Any:
        """The query, bound but not run, on a connection that can no longer reach out. Raises Invalid."""
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        statements = db.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            kinds = ", ".join(s.type.name for s in statements) or "nothing"
            hint = "; a PIVOT must list its values: ON city IN ('Rome', 'Oslo')" if kinds == "MULTI" else ""
            raise Invalid(f"a query is one SELECT; this is {kinds}{hint}")
        return db.sql(sql)

    def _explain(self, said: str, db: Any) -> ArkwrightError:
        """DuckDB's message in one line; its first words are its class, also where Arrow hands it on."""
        text = " ".join(_NOISE.split(said)[0].split())
        if text.startswith("INTERRUPT"):
            return Invalid(f"the query ran longer than {self.seconds:g} s and was stopped; is there a loop in it?")
        if text.startswith("Out of Memory"):
            return Invalid(f"the query needs more than the {self.memory} it may use: {text}")
        if text.startswith("Permission"):
            return Invalid(f"a query reads its inputs and nothing else: {text}")
        if "No space left" in text:
            return Full(f"the disk is full: a query found no room for temporary files in {self.temp_dir}")
        line = re.search(r"\sLINE (\d+):", said)
        return Invalid(f"{_near(text, db)}" + (f" (line {line[1]} of the query)" if line else ""))


def _near(text: str, db: Any) -> str:
    """The message with a near miss among the inputs: DuckDB also proposes tables of its own catalogue."""
    if match := _NO_TABLE.search(text):
        found = db.execute("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'memory'").fetchall()
        return text[: match.end()] + did_you_mean(match[1], [name for (name,) in found])
    if match := _NO_COLUMN.search(text):
        found = db.execute("SELECT DISTINCT column_name FROM information_schema.columns").fetchall()
        return text.rstrip("!") + did_you_mean(match[1] or match[2], [name for (name,) in found])
    return text


def _check_twins(table: str, names: Sequence[str]) -> None:
    """SQL knows no upper case in names, and would call the second of two such columns something else."""
    seen: dict[str, str] = {}
    for name in names:
        if (twin := seen.setdefault(name.lower(), name)) != name:
            raise Invalid(f"{table} has columns {twin!r} and {name!r}, which are one name to SQL; rename one of them")


def _open(db: Any, inputs: Mapping[str, Path]) -> None:
    """A view for each input; only these files stay readable."""
    paths = {name: path.absolute() for name, path in inputs.items()}
    for name, path in paths.items():
        if not path.is_file():
            raise Unknown(f"the input {name} is not there: no file {path}")
    allowed = [quoted_text(str(path)) for path in paths.values()] + [
        quoted_text(_no_glob(path)) for path in paths.values()
    ]
    db.execute(f"SET allowed_paths = [{', '.join(allowed)}]")
    for name, path in paths.items():
        db.execute(f"CREATE VIEW {quoted_name(name)} AS SELECT * FROM read_parquet({quoted_text(_no_glob(path))})")  # noqa: S608
        _check_twins(name, pq.read_schema(path).names)


def _write(relation: Any, out: Path) -> int:
    reader = relation.to_arrow_reader(ROW_GROUP)
    schema = arrow.schema(_columns(relation, reader.schema))
    rows, waiting = 0, schema.empty_table()
    with pq.ParquetWriter(out, schema, compression="zstd", version="2.6") as writer:
        for batch in _batches(reader):
            waiting = pa.concat_tables([waiting, _cast(batch, schema)])
            while len(waiting) >= ROW_GROUP:
                writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks(), ROW_GROUP)
                waiting = waiting.slice(ROW_GROUP)
                rows += ROW_GROUP
        if len(waiting):
            writer.write_table(waiting.combine_chunks(), ROW_GROUP)
    return rows + len(waiting)


def _batches(reader: Any) -> Iterator[Any]:
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:  # the engine's own errors, as Arrow's stream hands them on
        raise _Streamed(str(error)) from None


def _cast(batch: Any, schema: Any) -> Any:
    table = pa.Table.from_batches([batch])
    cast = []
    for field, values in zip(schema, table.columns, strict=True):
        try:
            cast.append(values.cast(field.type))
        except pa.ArrowInvalid as error:
            raise Invalid(f"the column {field.name!r} does not fit {field.type}: {error}") from None
    return pa.table(cast, schema=schema)


def _columns(relation: Any, schema: Any) -> tuple[Column, ...]:
    kinds = [str(kind) for kind in relation.types]
    plain = [pa.field(f.name, pa.int64() if k in _HUGE else f.type) for k, f in zip(kinds, schema, strict=True)]
    return arrow.columns(pa.schema(plain))


def _no_glob(path: Path) -> str:
    """The path as a pattern that matches only itself."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))
