"""Predictions found again: the Parquet parts and the segments that are still open, joined with their labels.

The answer is a Parquet file that the engine of the socket `Tables` writes, so millions of rows need no memory of ours.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core import arrow
from arkwright.core.errors import Unknown, did_you_mean
from arkwright.core.ports import Store, Tables
from arkwright.core.quoting import quoted_name, quoted_text
from arkwright.core.where import Clause
from arkwright.serve.tap import label_index
from arkwright.serve.tap import labels as label_log
from arkwright.serve.tap.compact import Choose, write_parts
from arkwright.serve.tap.index_lock import reading
from arkwright.serve.tap.label_index import Numbers
from arkwright.serve.tap.labels import Kept, Value
from arkwright.serve.tap.parts import Index, Part
from arkwright.serve.tap.segment import Record, Release, segments
from arkwright.serve.tap.tables import ACTUAL, BASE
from arkwright.serve.tap.where import Kinds, check, condition

FEW = 10_000  # rows, of which the labels are looked for one by one
FIRST = 100_000  # rows, the newest, or so many that are wanted, among which they are looked for before all others
_SQL_TYPES = {pa.int64(): "BIGINT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN", pa.string(): "VARCHAR"}
_ASIDE = "what else may hold"  # beside a row while its label is looked for, numbered by the clause
SAID = "said at"  # beside a label: when it came
_LABELS = pa.schema(
    [
        ("id", pa.string()),
        ("row", pa.int64()),
        (ACTUAL, pa.string()),
        (SAID, pa.timestamp("us")),
        ("place", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which predictions: answered from `since` on and before `until` (UTC without a zone), by `release`, with `id`, and
    `where` columns have these values, all of it. `aside`: clauses that are told of each row, in a column each.
    """

    since: datetime | None = None
    until: datetime | None = None
    release: str | None = None
    id: str | None = None
    limit: int | None = None
    where: tuple[Clause, ...] = ()
    aside: tuple[Clause, ...] = ()

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
    with reading(folder):
        there = _newest_first(folder, store, scratch, wanted)
        if not there:
            return _nothing(out)
        of_labels = tuple(clause for clause in wanted.where if any(one.column == ACTUAL for one in clause))
        others = tuple(clause for clause in wanted.where if clause not in of_labels)
        aside = tuple(tuple(one for one in clause if one.column != ACTUAL) for clause in of_labels)
        first = replace(wanted, where=others, aside=aside, limit=None) if of_labels else wanted
        found, count, read = _found(there, tables, scratch, first)
    actual, said = _label_type(read), scratch / "labels.parquet"
    few = numbers_of(pq.read_table(found, columns=["id"])) if count <= FEW else None
    write_labels(folder, said, few)
    joined = _joined(_SQL_TYPES[actual])
    if of_labels:
        joined = _held(joined, of_labels, actual, wanted.limit)
    return tables.write(joined, {"found": found, "labels": said}, out)


def unknown(folder: Path, store: Store, tables: Tables, scratch: Path, ids: list[tuple[str, int]]) -> int:
    """How many of these (id, row) belong to no prediction that is known by now."""
    given, named = scratch / "given.parquet", {id_ for id_, _ in ids}
    distinct = sorted(set(ids))
    columns = {"id": [i for i, _ in distinct], "row": pa.array([row for _, row in distinct], pa.int64())}
    pq.write_table(pa.table(columns), given)
    with reading(folder):
        inputs = parts(folder, store, scratch, Wanted(), lambda record, _: record if _id(record) in named else None)
        if not inputs:
            return len(distinct)
        known = " UNION ALL ".join(f'SELECT "id", "row" FROM {name}' for name in inputs)  # noqa: S608 - names of ours
        sql = f'SELECT count(*) FROM given ANTI JOIN ({known}) USING ("id", "row")'  # noqa: S608
        (count,) = tables.row(sql, inputs | {"given": given})
    return int(count)


def parts(folder: Path, store: Store, scratch: Path, wanted: Wanted, choose: Choose | None = None) -> dict[str, Path]:
    """Parquet files that may hold wanted rows, by the names they have in the query. `reading` is held meanwhile.

    `choose`: what is taken of a record that is not compacted yet, where that is other than what is `wanted`.
    """
    there = _newest_first(folder, store, scratch, wanted, choose)
    return {f"p{number}": path for number, (_, path) in enumerate(there)}


def _newest_first(
    folder: Path, store: Store, scratch: Path, wanted: Wanted, choose: Choose | None = None
) -> list[tuple[Part, Path]]:
    """What `parts` gives."""
    index = Index(folder)
    there = [(part, store.path(part.digest)) for part in index.parts if wanted.may_hold(part)]
    waiting = [path for path in segments(folder) if path.name not in index.segments]
    fresh, _ = write_parts(waiting, scratch, choose or wanted.choose)
    return sorted([*there, *fresh], key=lambda one: -one[0].until)


def _found(
    there: Sequence[tuple[Part, Path]], tables: Tables, scratch: Path, wanted: Wanted
) -> tuple[Path, int, list[Path]]:
    """(the wanted rows, how many, the files that were read). With a limit not all of them are: the newest first, twice
    as many rows each time, until what is left is older than all that were found.
    """
    one_of = {part.layout: path for part, path in there}
    layouts = {layout: _kinds(path) for layout, path in one_of.items()}
    _check((*wanted.where, *wanted.aside), list(layouts.values()))
    texts = _of_several_types(layouts.values())
    found, count, done, rows = scratch / "found0.parquet", 0, 0, 0
    while done < len(there):
        some, most = list[tuple[Part, Path]](), max(FIRST, wanted.limit, 2 * rows) if wanted.limit else math.inf
        while done + len(some) < len(there) and rows < most:
            some.append(there[done + len(some)])
            rows += some[-1][0].rows
        inputs = {f"p{number}": path for number, (_, path) in enumerate(some)}
        before = {"found": found} if done else {}
        selects = [
            *(f"SELECT * FROM {name}" for name in before),  # noqa: S608 - names of ours
            *(_select(name, layouts[part.layout], wanted, texts) for name, (part, _) in zip(inputs, some, strict=True)),
        ]
        found = scratch / f"found{done + len(some)}.parquet"
        count = tables.write(_chosen(selects, wanted), inputs | before, found)
        done += len(some)
        if count == wanted.limit and done < len(there) and _oldest(found) > there[done][0].until:
            break
    return found, count, [path for _, path in there[:done]]


def _kinds(path: Path) -> Kinds:
    return {field.name: field.type for field in pq.read_schema(path)}


def _check(where: Sequence[Clause], layouts: Sequence[Kinds]) -> None:
    """Raises Unknown for a column that no file has, Invalid for what is no value of it in any."""
    known = {name: None for kinds in layouts for name in kinds}
    for clause in where:
        for one in clause:
            if one.column not in known:
                raise Unknown(f"no prediction has a column {one.column!r}{did_you_mean(one.column, known)}")
        check(clause, layouts)


def _of_several_types(layouts: Iterable[Kinds]) -> set[str]:
    """Columns, in lower case as SQL knows them, that releases have with types of which none holds the values of all:
    all of them are told as texts.
    """
    found: dict[str, set[pa.DataType]] = {}
    for kinds in layouts:
        for name, kind in kinds.items():
            found.setdefault(name.lower(), set()).add(kind)
    alike = (lambda kind: pa.types.is_integer(kind) or pa.types.is_floating(kind), pa.types.is_temporal)
    return {
        name
        for name, some in found.items()
        if len(some) > 1 and not any(all(like(kind) for kind in some) for like in alike)
    }


def _oldest(found: Path) -> int:
    """Nanoseconds of the last of its rows."""
    return int(pq.read_table(found, columns=["at"]).column("at").cast(pa.int64())[-1].as_py()) * 1000


def _select(name: str, kinds: Kinds, wanted: Wanted, texts: Collection[str]) -> str:
    """The wanted rows of one file."""
    cast = [f"CAST({one} AS VARCHAR) AS {one}" for one in (quoted_name(n) for n in kinds if n.lower() in texts)]
    columns = f"* REPLACE ({', '.join(cast)})" if cast else "*"
    columns += "".join(f', ({condition(one, kinds)}) AS "{_ASIDE} {n}"' for n, one in enumerate(wanted.aside))
    holds = [wanted.condition, *(f"({condition(clause, kinds)})" for clause in wanted.where)]
    return f"SELECT {columns} FROM {name} WHERE {' AND '.join(holds)}"  # noqa: S608 - names of ours


def _chosen(selects: Sequence[str], wanted: Wanted) -> str:
    """All of these, the newest first."""
    limit = f"LIMIT {wanted.limit}" if wanted.limit is not None else ""
    return f'SELECT * FROM ({" UNION ALL BY NAME ".join(selects)}) ORDER BY "at" DESC, "id", "row" {limit}'  # noqa: S608


def _joined(actual: str) -> str:
    return (
        f'WITH said AS (SELECT "id", "row", arg_max("{ACTUAL}", "place") AS "{ACTUAL}" FROM labels GROUP BY ALL) '  # noqa: S608
        f'SELECT found.*, TRY_CAST(said."{ACTUAL}" AS {actual}) AS "{ACTUAL}" '
        f'FROM found LEFT JOIN said ON found."id" = said."id" AND found."row" = said."row" '
        f'ORDER BY found."at" DESC, found."id", found."row"'
    )


def _held(joined: str, where: Sequence[Clause], actual: pa.DataType, limit: int | None) -> str:
    """Those of the joined rows that these clauses hold of, in the same order."""
    kinds = {ACTUAL: actual}
    said = [tuple(one for one in clause if one.column == ACTUAL) for clause in where]
    _check(said, [kinds])
    holds = " AND ".join(f'({condition(clause, kinds)} OR "{_ASIDE} {n}")' for n, clause in enumerate(said))
    most = f"LIMIT {limit}" if limit is not None else ""
    aside = ", ".join(f'"{_ASIDE} {n}"' for n in range(len(said)))
    held = f"SELECT * EXCLUDE ({aside}) FROM ({joined}) WHERE {holds}"  # noqa: S608 - names of ours
    return f'{held} ORDER BY "at" DESC, "id", "row" {most}'


def _label_type(paths: list[Path]) -> pa.DataType:
    """A label is what the answers are: of the label's type, or a number. Text where releases do not agree."""
    kinds = set()
    for path in paths:
        schema = pq.read_schema(path)
        kinds.add(schema.field("label" if "label" in schema.names else "value").type)
    return kinds.pop() if len(kinds) == 1 else pa.string()


def numbers_of(table: pa.Table) -> Numbers:
    """(n,) ascending, of the requests whose rows these are."""
    return label_index.ascending(label_index.numbered(table.column("id").to_pylist()))


def write_labels(folder: Path, path: Path, only: Numbers | None) -> None:
    """The labels in order, of the requests with these numbers, ascending, or of all, as text: the engine gives them
    their type.
    """
    place = 0
    with pq.ParquetWriter(path, _LABELS) as writer:
        for kept in _many(_labels(folder, only)):
            id_, row, label, said, _ = zip(*kept, strict=True)
            columns = [id_, row, _texts(label), np.array(said) // 1000, range(place, place + len(kept))]
            place += len(kept)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _LABELS, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=_LABELS))


def _labels(folder: Path, only: Numbers | None) -> Iterator[list[Kept]]:
    if only is None:
        yield from label_log.read(folder)
        return
    for path in label_log.files(folder / label_log.FOLDER):
        for _, block in label_log.placed(path, label_index.places(path, only)):
            there = label_index.are_in(only, label_index.numbered(one[0] for one in block))
            yield [block[place] for place in np.flatnonzero(there)]


def _many(blocks: Iterable[list[Kept]]) -> Iterator[list[Kept]]:
    """The same, so many together that each is worth a batch of a file."""
    waiting: list[Kept] = []
    for block in blocks:
        waiting += block
        if len(waiting) >= FEW:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _texts(labels: Sequence[Value]) -> Any:
    """Whatever stands beside it, a label has one text."""
    kinds = {type(label) for label in labels}
    with suppress(pa.ArrowException):  # of several types
        if bool not in kinds or len(kinds) == 1:  # among fractions true would be 1
            return pa.array(labels).cast(pa.string())
    return [pa.scalar(label).cast(pa.string()).as_py() for label in labels]


def _nothing(out: Path) -> int:
    pq.write_table(arrow.schema(BASE).empty_table(), out)
    return 0


def _id(record: Record) -> str:
    """As its rows say it."""
    return record.id.decode("utf-8", "replace")


def _nanoseconds(at: datetime) -> int:
    return int((at - datetime(1970, 1, 1)).total_seconds() * 1e6) * 1000  # noqa: DTZ001 - UTC without a zone
