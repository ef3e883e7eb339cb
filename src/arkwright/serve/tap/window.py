"""What one release answered well in a span of time, as SQL over the Parquet parts: however much it is, nothing of it is
copied.

What is still in segments is not among it, as in `scan`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from arkwright.core import arrow
from arkwright.core.nouns import Column
from arkwright.core.ports import Store, Tables
from arkwright.core.quoting import quoted_name
from arkwright.serve.tap import query
from arkwright.serve.tap.parts import Index
from arkwright.serve.tap.query import Wanted
from arkwright.serve.tap.tables import ACTUAL, BASE


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """`select`: the rows, with BASE and the columns wanted, in SQL over `files`. `lost`: columns that some of the rows
    were logged without, because they were redacted then: an empty cell of theirs says nothing.
    """

    select: str
    files: Mapping[str, Path]
    lost: frozenset[str]


def came(
    folder: Path,
    store: Store,
    scratch: Path,
    since: datetime,
    until: datetime,
    release: str,
    wanted: Sequence[Column],
    among: Collection[str] | None = None,
) -> Came:
    """`folder`: of the endpoint; `reading` is held as long as its files are asked for. `since`, `until`: UTC without a
    zone. `among`: only in these parts, by their digests.
    """
    chosen = Wanted(since=since, until=until, release=release)
    columns = [*BASE, *wanted]
    empty = scratch / "no_rows.parquet"  # so that every column is there, typed, whatever the parts have
    pq.write_table(arrow.schema(columns).empty_table(), empty)
    known = [part for part in Index(folder).parts if among is None or part.digest in among]
    parts = [store.path(part.digest) for part in known if chosen.may_hold(part)]
    files = {"no_rows": empty, **{f"p{number}": path for number, path in enumerate(parts)}}
    there = {name: set(pq.read_schema(path).names) for name, path in files.items()}
    selects = [
        f"SELECT {', '.join(quoted_name(c.name) for c in columns if c.name in there[name])} FROM {name} "  # noqa: S608
        f'WHERE {chosen.condition} AND "status" = 200'
        for name in files
    ]
    lost = {c.name for c in wanted if any(c.name not in names for names in there.values())}
    return Came(select=" UNION ALL BY NAME ".join(selects), files=files, lost=frozenset(lost))


def answered(tables: Tables, found: Came, columns: Sequence[str], out: Path, every: int = 1) -> None:
    """Write the rows, or one of `every` so many: these columns, and ACTUAL, which nobody asked for, empty."""
    names = ", ".join(map(quoted_name, columns))
    some = f'WHERE hash("id", "row") % {every} = 0' if every > 1 else ""
    sql = f'SELECT {names}, CAST(NULL AS VARCHAR) AS "{ACTUAL}" FROM ({found.select}) {some}'  # noqa: S608
    tables.write(sql, found.files, out)


def labelled(
    folder: Path, tables: Tables, scratch: Path, found: Came, columns: Sequence[str], out: Path, every: int = 1
) -> None:
    """Write those of the rows whose labels have come, or one of `every` so many: these columns, and the label as the
    text ACTUAL.

    The last label of a row counts. Of rows that were answered several times under one id the last answer counts: a
    label is one row's, and is not counted twice.
    """
    said, select, files, only = scratch / "said.parquet", found.select, found.files, None
    if every > 1:
        looked = scratch / "looked.parquet"
        wanted = ", ".join(map(quoted_name, ("id", "row", "at", *columns)))
        tables.write(f'SELECT {wanted} FROM ({select}) WHERE hash("id", "row") % {every} = 0', files, looked)  # noqa: S608
        only = query.numbers_of(pq.read_table(looked, columns=["id"]))
        select, files = "SELECT * FROM looked", {"looked": looked}
    query.write_labels(folder, said, only)
    names = ", ".join(f"came.{quoted_name(name)}" for name in columns)
    sql = (
        f'WITH last AS (SELECT "id", "row", arg_max("{ACTUAL}", "place") AS "{ACTUAL}" FROM labels GROUP BY ALL), '  # noqa: S608
        f"came AS ({select}) "
        f'SELECT {names}, last."{ACTUAL}" FROM came JOIN last ON came."id" = last."id" AND came."row" = last."row" '
        f'QUALIFY row_number() OVER (PARTITION BY came."id", came."row" ORDER BY came."at" DESC) = 1 '
        f'ORDER BY came."at", came."id", came."row"'
    )
    tables.write(sql, {**files, "labels": said}, out)
