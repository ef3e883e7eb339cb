"""What came since the last time is counted, slot by slot: a new minute costs a minute's work."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from arkwright.core.arrow_arrays import flags
from arkwright.measures.evaluation import Array
from arkwright.monitor.counting import Answered, Counts, Reference
from arkwright.monitor.kept import HOUR, MINUTE, Kept, Slots

MICRO = 1_000_000
AT_ONCE = 24  # hours that are written together: who is killed repeats no more


@dataclass(frozen=True, slots=True)
class File:
    """A file of predictions, and between which seconds since 1970 its rows lie."""

    digest: str
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows, when they were answered ((n,) seconds since 1970), and what a classifier answered to them."""

    seconds: Array
    table: pa.Table
    answered: Answered | None = None


@dataclass(frozen=True, slots=True)
class Log:
    """What one release answered, in files that never change.

    `scan(since, until)`: the rows at or after and before these seconds since 1970; `rows` alike, of nothing but `at`.
    All before `settled` is in the files, unless a clock went back.
    """

    files: Sequence[File]
    scan: Callable[[int, int], Iterable[Block]]
    rows: Callable[[int, int], Iterable[pa.Table]]
    settled: int


def follow(kept: Kept, release: str, reference: Reference, log: Log) -> int:
    """Count what a release answered from its mark up to the last whole minute; the number of rows that are new.

    Rows that came behind the mark, because a clock went back, are counted too: every hour of a file that was not there
    the last time is held against what was counted of it.
    """
    if not log.files:
        return 0
    mark, until = kept.mark(release), log.settled // MINUTE * MINUTE
    begin = min(file.since for file in log.files) // HOUR * HOUR if mark is None else mark
    late = [] if mark is None else _late(kept.files(release), mark, log)
    rows = sum(_recounted(kept, release, reference, log, hour, min(hour + HOUR, begin)) for hour in late)
    while begin < until:
        end = min((begin // HOUR + AT_ONCE) * HOUR, until)
        rows += _counted(kept, release, reference, log, begin, end)
        begin = end
    kept.hours(release, reference, until)
    kept.looked(release, (file.digest for file in log.files))
    return rows


def _late(known: Collection[str], mark: int, log: Log) -> list[int]:
    """The hours before the mark of which a file has rows that is not known yet."""
    new = [file for file in log.files if file.digest not in known and file.since < mark]
    return sorted({h for f in new for h in range(f.since // HOUR * HOUR, min(f.until + 1, mark), HOUR)})


def _recounted(kept: Kept, release: str, reference: Reference, log: Log, since: int, until: int) -> int:
    before = kept.rows(release, since, until)
    there = sum(map(len, log.rows(since, until)))
    if there == before:  # files were only joined
        return 0
    return _counted(kept, release, reference, log, since, until) - before


def _counted(kept: Kept, release: str, reference: Reference, log: Log, since: int, until: int) -> int:
    slots = _slots(reference, log.scan(since, until), since, until)
    kept.put(release, slots, since, until)
    return sum(counts.rows for counts in slots.values())


def _slots(reference: Reference, blocks: Iterable[Block], since: int, until: int) -> Slots:
    """Hours that lie between as a whole are one slot at once."""
    found: dict[tuple[int, int], Counts] = {}
    for block in blocks:
        hours = block.seconds // HOUR * HOUR
        whole = (hours >= since) & (hours + HOUR <= until)
        begins = np.where(whole, hours, block.seconds // MINUTE * MINUTE)
        for begin, first in zip(*np.unique(begins, return_index=True), strict=True):
            counts = _counted_of(reference, block, begins == begin)
            slot = (int(begin), HOUR if whole[first] else MINUTE)
            found[slot] = found[slot] + counts if slot in found else counts
    return found


def _counted_of(reference: Reference, block: Block, rows: Array) -> Counts:
    if rows.all():
        return reference.count(block.table, block.answered, block.seconds)
    some = block.answered.take(rows) if block.answered else None
    return reference.count(block.table.filter(flags(rows)), some, block.seconds[rows])
