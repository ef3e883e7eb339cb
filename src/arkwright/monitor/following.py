"""What came since the last time is counted, slot by slot: a new minute costs a minute's work."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from arkwright.core.arrow_arrays import flags, numbers
from arkwright.measures import latencies
from arkwright.measures.evaluation import Array
from arkwright.monitor.counting import Answered, Counts, Reference
from arkwright.monitor.kept import HOUR, MINUTE, MINUTES_STAY, Kept, Slots

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
    """Some rows, when they were answered ((n,) seconds since 1970), and what a classifier answered to them; `took`:
    (n,) milliseconds that each request took, NaN but for its first row.
    """

    seconds: Array
    table: pa.Table
    answered: Answered | None = None
    took: Array | None = None


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
    late = _late(kept.files(release), mark, log) if mark else {}
    rows = sum(
        _recounted(kept, release, reference, log, hour, min(hour + HOUR, begin), late[hour]) for hour in sorted(late)
    )
    rows += sum(_counted(kept, release, reference, log, since, end) for since, end in _spans(log, begin, until))
    kept.hours(release, reference, until)
    kept.looked(release, (file.digest for file in log.files))
    return rows


def window(kept: Kept, release: str, reference: Reference, log: Log, since: int, until: int) -> Counts:
    """What was counted between, to the minute; of more than a day the hours that lie between as a whole. Where of an
    hour no minutes are kept, its rows are read once more.
    """
    since, until = since // MINUTE * MINUTE, until // MINUTE * MINUTE
    if until - since <= MINUTES_STAY:
        _divide(kept, release, reference, log, since, until)
    return kept.window(release, reference, since, until)


def whole(since: int, until: int) -> int:
    """Where a window begins that has all rows from `since` on: with its minute, of more than a day with its hour."""
    slot = MINUTE if until - since <= MINUTES_STAY else HOUR
    return since // slot * slot


def begins(kept: Kept, release: str, reference: Reference, log: Log, rows: int, until: int) -> int:
    """Where the last so many rows before `until` begin, to the minute where minutes are kept and in the hour that it
    cuts, else to the hour.
    """
    until = until // MINUTE * MINUTE
    _divide(kept, release, reference, log, until, until)
    return kept.begins(release, rows, until)


def _divide(kept: Kept, release: str, reference: Reference, log: Log, since: int, until: int) -> None:
    for hour in kept.undivided(release, since, until):
        kept.divide(release, hour, _slots(reference, log.scan(hour, hour + HOUR), hour, hour))


def _spans(log: Log, begin: int, until: int) -> list[tuple[int, int]]:
    """From `begin` on, at most a day at once up to `until`. Years in which nothing came are one: a machine may begin in
    1970, until it knows the time.
    """
    if until - begin <= AT_ONCE * HOUR:
        return [(begin, until)] if begin < until else []
    made: list[tuple[int, int]] = []
    for hour in sorted(_hours(log, begin, until)):
        if not made or hour >= made[-1][1]:
            made.append((max(hour, begin), min(hour + AT_ONCE * HOUR, until)))
    last = made[-1][1] if made else begin
    return [*made, (last, until)] if last < until else made


def _late(known: Collection[str], mark: int, log: Log) -> Mapping[int, int]:
    """The hours before the mark of which a file may have rows that is not known yet, and how many rows there are."""
    new = [file for file in log.files if file.digest not in known and file.since < mark]
    if not new:
        return {}
    until = (max(file.until for file in new) // HOUR + 1) * HOUR
    return _hours(log, min(file.since for file in new) // HOUR * HOUR, min(until, mark))


def _hours(log: Log, since: int, until: int) -> Mapping[int, int]:
    """How many rows came between, by the hour."""
    found: Counter[int] = Counter()
    for table in log.rows(since, until):
        for chunk in table.column("at").chunks:
            hours, rows = np.unique(numbers(chunk) // (HOUR * MICRO) * HOUR, return_counts=True)
            found.update(dict(zip(hours.tolist(), rows.tolist(), strict=True)))
    return found


def _recounted(kept: Kept, release: str, reference: Reference, log: Log, since: int, until: int, there: int) -> int:
    before = kept.rows(release, since, until)
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
        counts = reference.count(block.table, block.answered, block.seconds)
    else:
        some = block.answered.take(rows) if block.answered else None
        counts = reference.count(block.table.filter(flags(rows)), some, block.seconds[rows])
    return counts if block.took is None else replace(counts, took=latencies.counted(block.took[rows]))
