"""Closed segments become typed Parquet in the store, aside from the server.

The order makes a crash harmless at every step: what is about to be put is announced, put, made visible by one entry
that also names its segments, and only then do the segments go. A second run removes segments that an entry names, and
bytes that were announced and have no entry.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import Table

from arkwright.core.errors import Corrupt
from arkwright.core.locks import locked
from arkwright.core.ports import Store
from arkwright.core.record import digest_file
from arkwright.serve.tap import label_index
from arkwright.serve.tap import labels as label_log
from arkwright.serve.tap.files import sync_folder
from arkwright.serve.tap.groups import Groups
from arkwright.serve.tap.index_lock import changing
from arkwright.serve.tap.parts import COMPACT_LOCK, Entry, Index, Part
from arkwright.serve.tap.segment import Record, Release, Segment, is_closed, segments
from arkwright.serve.tap.tables import Builder, layout

BATCH = 256 << 20  # bytes of segments that become one entry
RUN, RUN_BYTES = 2048, 2 << 20  # so many records, or bytes of a segment, are read at once
SMALL = 64 << 20  # a part below it is merged with others
MERGE = 16  # so many small parts of one layout make one
DAY_NS = 86_400 * 10**9  # longest span of what is merged
HALF_AGE_S = 3600.0
Choose = Callable[[Record, Release], Record | None]
log = logging.getLogger("arkwright.serve")


@dataclass(frozen=True, slots=True)
class Compacted:
    """What one compaction did, in segments, rows and parts."""

    segments: int = 0
    rows: int = 0
    merged: int = 0
    removed: int = 0


@dataclass(slots=True)
class _Draft:
    """A Parquet file that is being written, and what its part will say."""

    layout: str
    path: Path
    builder: Builder
    groups: Groups
    rows: int = 0
    since: int = 2**63 - 1
    until: int = 0
    releases: set[str] = field(default_factory=set)

    def add(self, records: Sequence[Record], endpoint: str, releases: Mapping[int, Release]) -> None:
        for table in self.builder.add(records, endpoint, releases):
            self._write(table)
        times = sorted(record.at for record in records)
        self.since, self.until = min(self.since, times[0]), max(self.until, times[-1])
        self.releases.update(releases[number].ref for number in {record.release for record in records})

    def close(self) -> None:
        self._write(self.builder.table())
        self.groups.close()

    def _write(self, table: Table) -> None:
        self.rows += len(table)
        self.groups.add(table)

    def part(self) -> Part:
        return Part(
            digest=digest_file(self.path),
            layout=self.layout,
            rows=self.rows,
            size=self.path.stat().st_size,
            since=self.since,
            until=self.until,
            releases=tuple(sorted(self.releases)),
        )


def compact(folder: Path, store: Store, scratch: Path, *, keep_s: float | None = None) -> Compacted:
    """Compact the endpoint whose predictions are in `folder`; nothing when another process is at it.

    `scratch`: an empty folder for what is being written. `keep_s`: parts and labels that are older go; what is merged
    spans at most a day, so that a row goes at most a day late.

    Raises Corrupt for an index that cannot be read; Away where somebody reads them all the while; ArkwrightError or
    OSError when the disk is full.
    """
    if not folder.is_dir():
        return Compacted()
    with locked(folder / COMPACT_LOCK, within=0) as alone:
        if not alone:
            return Compacted()
        index = Index(folder)
        _clean(folder, index, store)
        made = [_compacted(folder, index, store, scratch, batch) for batch in _batches(_closed(folder))]
        removed = 0
        if keep_s is not None:
            removed = _expire(folder, index, store, keep_s)
            label_log.forget(folder, keep_s)
        label_index.make(folder)
        merged = _merge(folder, index, store, scratch, DAY_NS if keep_s is None else min(DAY_NS, int(keep_s * 1e8)))
        return Compacted(sum(s for s, _ in made), sum(r for _, r in made), merged, removed)


def write_parts(
    paths: Sequence[Path], scratch: Path, choose: Choose | None = None
) -> tuple[list[tuple[Part, Path]], list[Path]]:
    """Parquet files of these segments in `scratch`, one for each layout; and the segments that are of another version
    or altered, which were read as far as they make sense. `choose`: what is taken of a record before it is read, or
    None. Takes a few hundred megabytes at most, whatever is in the segments.
    """
    drafts: dict[str, _Draft] = {}
    damaged = []
    for path in paths:
        try:
            with Segment(path) as segment:
                _read(segment, drafts, scratch, choose)
                if segment.torn and choose is None:  # who chooses reads what is still being written, too
                    log.warning("%s: %d bytes at its end were torn off by a crash", path, segment.torn)
        except FileNotFoundError:
            continue
        except Corrupt as error:
            log.warning("%s", error)
            damaged.append(path)
    for draft in drafts.values():
        draft.close()
    return [(draft.part(), draft.path) for draft in drafts.values()], damaged


def _read(segment: Segment, drafts: dict[str, _Draft], scratch: Path, choose: Choose | None) -> None:
    layouts: dict[int, str] = {}
    for run in _runs(segment):
        assert segment.header
        numbers = {record.release for record in run}
        unknown = numbers - segment.releases.keys()
        records = list(takewhile(lambda record: record.release in segment.releases, run)) if unknown else run
        if choose is not None:
            records = [one for record in records if (one := choose(record, segment.releases[record.release]))]
        layouts |= {number: layout(segment.releases[number]) for number in numbers - unknown - layouts.keys()}
        for key, some in _apart(records, layouts).items():
            draft = drafts.get(key)
            if draft is None:
                builder, path = Builder(segment.releases[some[0].release]), scratch / f"{key}.parquet"
                draft = drafts[key] = _Draft(key, path, builder, Groups(path, builder.schema))
            draft.add(some, segment.header.endpoint, segment.releases)
        if unknown:
            raise Corrupt(f"{segment.path} speaks of a release that it does not name")


def _apart(records: list[Record], layouts: Mapping[int, str]) -> dict[str, list[Record]]:
    """Those of each layout; mostly it is one."""
    keys = {layouts[number] for number in {record.release for record in records}}
    if len(keys) == 1:
        return {keys.pop(): records}
    return {key: [record for record in records if layouts[record.release] == key] for key in sorted(keys)}


def _runs(segment: Segment) -> Iterator[list[Record]]:
    """Blocks that lie together, so many that a column of theirs is worth an array, in a bounded memory."""
    run, begun = list[Record](), segment.read
    try:
        for block in segment:
            run += block
            if len(run) >= RUN or segment.read - begun >= RUN_BYTES:
                yield run
                run, begun = [], segment.read
    except Corrupt:
        if run:
            yield run
        raise
    if run:
        yield run


def _clean(folder: Path, index: Index, store: Store) -> None:
    """Finish what a crash interrupted; where there is nothing, who reads is not waited for."""
    left = {path.name for path in segments(folder)} & index.segments
    if left or index.replaced or index.pending:
        with changing(folder):
            _remove_segments(folder, left, index.damaged)
            index.remove(index.replaced)
            index.settle(store)
    for half in folder.glob(".*.half"):
        with suppress(FileNotFoundError):  # it has its name by now
            # a clock that jumps makes the youngest old; its writer has it locked
            if time.time() - half.stat().st_mtime > HALF_AGE_S and is_closed(half):
                half.unlink()


def _closed(folder: Path) -> Iterator[Path]:
    return (path for path in segments(folder) if is_closed(path))


def _batches(paths: Iterable[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for path in paths:
        batch.append(path)
        size += path.stat().st_size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _compacted(folder: Path, index: Index, store: Store, scratch: Path, batch: list[Path]) -> tuple[int, int]:
    """(segments, rows)."""
    made, damaged = write_parts(batch, scratch)
    if made:
        index.announce({part.digest for part, _ in made})
        for _, path in made:
            store.put(path)
    names, bad = tuple(path.name for path in batch), tuple(path.name for path in damaged)
    with changing(folder):
        if made:
            parts = tuple(part for part, _ in made)
            index.add(time.time_ns(), Entry(parts, segments=names, damaged=bad))
        _remove_segments(folder, names, bad)
        index.settle(store)
    for _, path in made:
        path.unlink()
    return len(batch), sum(part.rows for part, _ in made)


def _remove_segments(folder: Path, names: Collection[str], damaged: Collection[str]) -> None:
    """All but the damaged ones, which a person may look at under another name."""
    for path in (folder / name for name in names):
        with suppress(FileNotFoundError):
            if path.name in damaged:
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink()
    if names:
        sync_folder(folder)


def _expire(folder: Path, index: Index, store: Store, keep_s: float) -> int:
    """Remove entries all of whose rows are older; the number of parts."""
    oldest = time.time_ns() - int(keep_s * 1e9)
    old = {name: e for name, e in index.entries.items() if all(part.until < oldest for part in e.parts)}
    if old:
        index.announce({part.digest for entry in old.values() for part in entry.parts})
        with changing(folder):
            index.remove(set(old))
            index.settle(store)
    return sum(len(entry.parts) for entry in old.values())


def _merge(folder: Path, index: Index, store: Store, scratch: Path, span: int) -> int:
    """Make one entry of many small ones, oldest first; the number of entries that went."""
    merged = 0
    while group := _mergeable(index, span):
        made = [_merged(store, scratch, key, parts) for key, parts in _by_layout(index, group).items()]
        index.announce({part.digest for part, _ in made})
        for _, path in made:
            store.put(path)
        before = {part.digest for name in group for part in index.entries[name].parts}
        with changing(folder):
            index.announce(before)
            index.add(time.time_ns(), Entry(tuple(part for part, _ in made), replaces=tuple(sorted(group))))
            index.remove(group)
            index.settle(store)
        for _, path in made:
            path.unlink()
        merged += len(group)
    return merged


def _mergeable(index: Index, span: int) -> set[str]:
    """Small entries that lie together in time and are many, or together not small; empty when there are none."""
    sizes = {name: sum(part.size for part in entry.parts) for name, entry in sorted(index.entries.items())}
    group: set[str] = set()
    for name in (name for name, size in sizes.items() if size < SMALL):
        times = [t for n in (*group, name) for p in index.entries[n].parts for t in (p.since, p.until)]
        if max(times) - min(times) > span:
            group = set()
        group.add(name)
        if len(group) >= MERGE or (len(group) > 1 and sum(sizes[n] for n in group) >= SMALL):
            return group
    return set()


def _by_layout(index: Index, group: set[str]) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {}
    for name in sorted(group):
        for part in index.entries[name].parts:
            found.setdefault(part.layout, []).append(part)
    return found


def _merged(store: Store, scratch: Path, key: str, parts: list[Part]) -> tuple[Part, Path]:
    path = scratch / f"{key}.parquet"
    files = [pq.ParquetFile(store.path(part.digest)) for part in parts]
    all_columns = pa.unify_schemas([file.schema_arrow for file in files]).empty_table()  # older parts lack some of ours
    groups = Groups(path, all_columns.schema)
    for file in files:
        for number in range(file.num_row_groups):
            groups.add(pa.concat_tables([all_columns, file.read_row_group(number)], promote_options="default"))
        file.close()
    groups.close()
    part = Part(
        digest=digest_file(path),
        layout=key,
        rows=sum(part.rows for part in parts),
        size=path.stat().st_size,
        since=min(part.since for part in parts),
        until=max(part.until for part in parts),
        releases=tuple(sorted({ref for part in parts for ref in part.releases})),
    )
    return part, path
