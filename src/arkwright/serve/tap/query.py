"""Predictions found again: the Parquet parts and the segments that are still open, joined with their labels.

The answer is a Parquet file that the engine of the socket `Tables` writes, so millions of rows need no memory of ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core import arrow
from arkwright.core.errors import Unknown, did_you_mean
from arkwright.core.ports import Store, Tables
from arkwright.core.quoting import quoted_text
from arkwright.core.where import Clause
from arkwright.serve.tap import labels as label_log
from arkwright.serve.tap.compact import Choose, write_parts
from arkwright.serve.tap.files import locked
from arkwright.serve.tap.labels import Value
from arkwright.serve.tap.parts import INDEX_LOCK, Index, Part
from arkwright.serve.tap.segment import Record, Release, segments
from arkwright.serve.tap.tables import ACTUAL, BASE
from arkwright.serve.tap.where import condition

FEW = 10_000  # rows, of which the labels are looked for one by one
_SQL_TYPES = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN", pa.string(): "VARCHAR"}
_LABELS = pa.schema([("id", pa.string()), ("row", pa.int64()), (ACTUAL, pa.string()), ("place", pa.int64())])


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which predictions: answered from `since` on and before `until` (UTC without a zone), by `release`, with `id`, and
    `where` columns have these values, all of it.
    """

    since: datetime | None = None
    until: datetime | None = None
    release: str | None = None
    id: str | None = None
    limit: int | None = None
    where: tuple[Clause, ...] = ()

    @property
    def condition(self) -> str:
        """What holds of a wanted row, in SQL."""
        parts = [
            f'"at" >= TIMESTAMP {quoted_text(self.since.isoformat(" "))}' if self.since else "",
            f'"at" < TIMESTAMP {quoted_text(self.until.isoformat(" "))}' if self.until else "",
            f'"release" = {quoted_text(self.release)}' if self.release else "",
            f'"id" = {quoted_text(self.id)}' if self.id else "",
        ]
        return " AND ".join(part for part in parts if part) or "TRUE"

    def choose(self, record: Record, release: Release) -> Record | None:
        """A record that is not compacted yet, if its rows are wanted: what is not, is not read."""
        at = record.at // 1000 * 1000
        early = self.since is not None and at < _nanoseconds(self.since)
        late = self.until is not None and at >= _nanoseconds(self.until)
        other = (self.release is not None and self.release != release.ref) or self.id not in (None, _id(record))
        return None if early or late or other else record

    def may_hold(self, part: Part) -> bool:
        """Whether a part can have such rows."""
        early = self.since is not None and part.until < _nanoseconds(self.since)
        late = self.until is not None and part.since >= _nanoseconds(self.until)
        return not (early or late or (self.release is not None and self.release not in part.releases))


def find(folder: Path, store: Store, tables: Tables, scratch: Path, wanted: Wanted, out: Path) -> int:
    """Write the wanted predictions, newest first, with the column `actual` of their labels; the number of rows.

    `folder`: of the endpoint; `scratch`: an empty folder, gone afterwards. Raises what the engine raises.
    """
    if not folder.is_dir():
        return _nothing(out)
    with locked(folder / INDEX_LOCK, shared=True):
        inputs = parts(folder, store, scratch, wanted)
        if not inputs:
            return _nothing(out)
        actual = _label_type(list(inputs.values()))
        found, said = scratch / "found.parquet", scratch / "labels.parquet"
        count = tables.write(_chosen(inputs, wanted), inputs, found)
    few = set(pq.read_table(found, columns=["id"]).column("id").to_pylist()) if count <= FEW else None
    write_labels(folder, said, few)
    return tables.write(_joined(actual), {"found": found, "labels": said}, out)


def unknown(folder: Path, store: Store, tables: Tables, scratch: Path, ids: list[tuple[str, int]]) -> int:
    """How many of these (id, row) belong to no prediction that is known by now."""
    given, named = scratch / "given.parquet", {id_ for id_, _ in ids}
    distinct = sorted(set(ids))
    columns = {"id": [i for i, _ in distinct], "row": pa.array([row for _, row in distinct], pa.int64())}
    pq.write_table(pa.table(columns), given)
    with locked(folder / INDEX_LOCK, shared=True):
        inputs = parts(folder, store, scratch, Wanted(), lambda record, _: record if _id(record) in named else None)
        if not inputs:
            return len(distinct)
        known = " UNION ALL ".join(f'SELECT "id", "row" FROM {name}' for name in inputs)  # noqa: S608 - names of ours
        sql = f'SELECT count(*) FROM given ANTI JOIN ({known}) USING ("id", "row")'  # noqa: S608
        (count,) = tables.row(sql, inputs | {"given": given})
    return int(count)


def parts(folder: Path, store: Store, scratch: Path, wanted: Wanted, choose: Choose | None = None) -> dict[str, Path]:
    """Parquet files that may hold wanted rows, by the names they have in the query. `INDEX_LOCK` is held meanwhile.

    `choose`: what is taken of a record that is not compacted yet, where that is other than what is `wanted`.
    """
    index = Index(folder)
    paths = [store.path(part.digest) for part in index.parts if wanted.may_hold(part)]
    waiting = [path for path in segments(folder) if path.name not in index.segments]
    fresh, _ = write_parts(waiting, scratch, choose or wanted.choose)
    paths += [path for _, path in fresh]
    return {f"p{number}": path for number, path in enumerate(paths)}


def _chosen(parts: Mapping[str, Path], wanted: Wanted) -> str:
    selects = (f"SELECT * FROM {name} WHERE {one}" for name, one in _conditions(parts, wanted).items())  # noqa: S608
    chosen = " UNION ALL BY NAME ".join(selects)
    limit = f"LIMIT {wanted.limit}" if wanted.limit is not None else ""
    return f'SELECT * FROM ({chosen}) ORDER BY "at" DESC, "id", "row" {limit}'  # noqa: S608


def _conditions(parts: Mapping[str, Path], wanted: Wanted) -> dict[str, str]:
    """Of each part; one without a column that is asked for has no such row. Raises Unknown where no part has it."""
    made, known = {}, dict[str, pa.DataType]()
    for name, path in parts.items():
        kinds = {field.name: field.type for field in pq.read_schema(path)}
        known |= kinds
        made[name] = " AND ".join([wanted.condition, *(f"({condition(clause, kinds)})" for clause in wanted.where)])
    for one in (one for clause in wanted.where for one in clause):
        if one.column not in known:
            raise Unknown(f"no prediction has a column {one.column!r}{did_you_mean(one.column, known)}")
    return made


def _joined(actual: str) -> str:
    return (
        f'WITH said AS (SELECT "id", "row", arg_max("{ACTUAL}", "place") AS "{ACTUAL}" FROM labels GROUP BY ALL) '  # noqa: S608
        f'SELECT found.*, TRY_CAST(said."{ACTUAL}" AS {actual}) AS "{ACTUAL}" '
        f'FROM found LEFT JOIN said ON found."id" = said."id" AND found."row" = said."row" '
        f'ORDER BY found."at" DESC, found."id", found."row"'
    )


def _label_type(paths: list[Path]) -> str:
    """A label is what the answers are: of the label's type, or a number. Text where releases do not agree."""
    kinds = set()
    for path in paths:
        schema = pq.read_schema(path)
        kinds.add(schema.field("label" if "label" in schema.names else "value").type)
    return _SQL_TYPES[kinds.pop()] if len(kinds) == 1 else "VARCHAR"


def write_labels(folder: Path, path: Path, only: set[str] | None) -> None:
    """The labels in order, of these requests or of all, as text: the engine gives them their type."""
    place = 0
    with pq.ParquetWriter(path, _LABELS) as writer:
        for block in label_log.read(folder):
            kept = block if only is None else [one for one in block if one[0] in only]
            if kept:
                id_, row, label, _, _ = zip(*kept, strict=True)
                columns = [id_, row, _texts(label), range(place, place + len(kept))]
                place += len(kept)
                arrays = [pa.array(column, field.type) for column, field in zip(columns, _LABELS, strict=True)]
                writer.write_batch(pa.record_batch(arrays, schema=_LABELS))


def _texts(labels: Sequence[Value]) -> Any:
    try:
        return pa.array(labels).cast(pa.string())
    except pa.ArrowException:  # of several types
        return [str(label).lower() if isinstance(label, bool) else str(label) for label in labels]


def _nothing(out: Path) -> int:
    pq.write_table(arrow.schema(BASE).empty_table(), out)
    return 0


def _id(record: Record) -> str:
    """As its rows say it."""
    return record.id.decode("utf-8", "replace")


def _nanoseconds(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1)).total_seconds() * 1e6) * 1000  # noqa: DTZ001 - UTC without a zone
