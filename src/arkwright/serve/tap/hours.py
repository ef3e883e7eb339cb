"""Rows of some hours and the labels that came for them, as SQL over what a window holds: only those that are asked for.

An hour is told by when it begins, in seconds since 1970.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core.ports import Tables
from arkwright.core.quoting import quoted_name
from arkwright.serve.tap import query
from arkwright.serve.tap.label_index import Numbers
from arkwright.serve.tap.query import SAID
from arkwright.serve.tap.tables import ACTUAL
from arkwright.serve.tap.window import Came

HOUR = 3600  # seconds
OF = "hour of the answer"  # beside columns of ours and of callers, none of which has such a name
AGAIN = "answered again at"  # when the next answer under the same id and row came, null where none did
CORRECTED = "corrected at"  # when the first came of the labels behind it that took its place, null where none did
OF_HOUR = f'epoch_us("at") // {HOUR * 1_000_000} * {HOUR}'


def requests(tables: Tables, came: Came, scratch: Path, hours: Collection[int]) -> Iterator[pa.Table]:
    """(OF, id) of every row, in the order of the hours, some at once."""
    out = scratch / "ids.parquet"
    order = f'ORDER BY "{OF}"' if len(hours) > 1 else ""  # of one hour nothing is gathered
    sql = f'SELECT {OF_HOUR} AS "{OF}", "id" FROM ({came.select}) WHERE {_among(hours)} {order}'  # noqa: S608 - names of ours
    tables.write(sql, came.files, out)
    with pq.ParquetFile(out) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number)


def joined(
    folder: Path,
    tables: Tables,
    came: Came,
    scratch: Path,
    hours: Collection[int],
    wanted: Numbers,
    columns: Sequence[str],
) -> pa.Table:
    """The rows of the requests with these numbers, ascending, in these hours whose labels have come, in their order:
    OF, AGAIN, `at`, `id`, `row`, these columns, and the label as the text ACTUAL, with SAID. One whose labels
    contradict is there with each of them; the last is the one without CORRECTED.
    """
    said, out = scratch / "said.parquet", scratch / "joined.parquet"
    query.write_labels(folder, said, wanted)
    names = ", ".join(f"came.{quoted_name(name)}" for name in ("at", "id", "row", *columns))
    sql = (
        f'WITH same AS MATERIALIZED (SELECT "id", "row", min("{ACTUAL}") AS "{ACTUAL}", max("{ACTUAL}") AS "other", '  # noqa: S608
        f'min("{SAID}") AS "{SAID}" FROM labels GROUP BY "id", "row"), '
        f'known AS (SELECT "id", "row", "{ACTUAL}", "{SAID}", CAST(NULL AS TIMESTAMP) AS "{CORRECTED}", 0 AS "place" '
        f'FROM same WHERE "{ACTUAL}" = "other" UNION ALL SELECT "id", "row", labels."{ACTUAL}", labels."{SAID}", '
        f'min(labels."{SAID}") OVER (PARTITION BY "id", "row" ORDER BY "place" ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED '
        f'FOLLOWING), "place" FROM labels JOIN same USING ("id", "row") WHERE same."{ACTUAL}" <> "other"), '
        f"came AS (SELECT * FROM ({came.select}) WHERE {_among(hours)}) "
        f'SELECT {OF_HOUR} AS "{OF}", {names}, known."{ACTUAL}", known."{SAID}", known."{CORRECTED}", '
        f'lead(came."at") OVER (PARTITION BY came."id", came."row", "place" ORDER BY came."at") AS "{AGAIN}" '
        f'FROM came JOIN known ON came."id" = known."id" AND came."row" = known."row" '
        f'ORDER BY came."at", came."id", came."row", "place"'
    )
    tables.write(sql, {**came.files, "labels": said}, out)
    return pq.read_table(out)


def rows(tables: Tables, came: Came, hours: Collection[int]) -> int:
    """How many came in these hours, at least one."""
    return int(tables.row(f"SELECT count(*) FROM ({came.select}) WHERE {_among(hours)}", came.files)[0])  # noqa: S608


def _among(hours: Collection[int]) -> str:
    """Also the span in which they lie, by which whole groups of rows are passed over."""
    span = within(min(hours), max(hours) + HOUR)
    return f"{span} AND {OF_HOUR} IN ({', '.join(map(str, hours))})"


def within(begin: int, end: int) -> str:
    """What is true of rows that were answered between."""
    return f'"at" >= make_timestamp({begin * 1_000_000}) AND "at" < make_timestamp({end * 1_000_000})'
