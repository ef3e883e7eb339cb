"""What came since the last time is counted, slot by slot: a new minute costs a minute's work."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from arkwright.monitor.counting import Sketches, added, counted
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
class Log:
    """What one release answered, in files that never change.

    `scan(since, until)`: the rows at or after and before these seconds since 1970, with their `at`; `rows` alike, with
    nothing but that. All before `settled` is in the files, unless a clock went back.
    """

    files: Sequence[File]
    scan: Callable[[int, int], Iterable[pa.Table]]
    rows: Callable[[int, int], Iterable[pa.Table]]
    settled: int


def follow(kept: Kept, release: str, bins: Sketches, log: Log) -> int:
    """Count what a release answered from its mark up to the last whole minute; the number of rows that are new.

    Rows that came behind the mark, because a clock went back, are counted too: every hour of a file that was not there
    the last time is held against what was counted of it.
    """
    if not log.files:
        return 0
    mark, until = kept.mark(release), log.settled // MINUTE * MINUTE
    begin = min(file.since for file in log.files) // HOUR * HOUR if mark is None else mark
    rows = sum(
        _recounted(kept, release, bins, log, hour, min(hour + HOUR, begin)) for hour in _late(kept, release, log)
    )
    while begin < until:
        end = min((begin // HOUR + AT_ONCE) * HOUR, until)
        rows += _counted(kept, release, bins, log, begin, end)
        begin = end
    kept.hours(release, bins, until)
    kept.looked(release, (file.digest for file in log.files))
    return rows


def _late(kept: Kept, release: str, log: Log) -> Iterable[int]:
    """The hours before the mark of which a new file has rows."""
    mark, known = kept.mark(release), kept.files(release)
    if mark is None:
        return []
    new = [file for file in log.files if file.digest not in known and file.since < mark]
    return sorted({h for f in new for h in range(f.since // HOUR * HOUR, min(f.until + 1, mark), HOUR)})


def _recounted(kept: Kept, release: str, bins: Sketches, log: Log, since: int, until: int) -> int:
    before = kept.rows(release, since, until)
    there = sum(map(len, log.rows(since, until)))
    if there == before:  # files were only joined
        return 0
    return _counted(kept, release, bins, log, since, until) - before


def _counted(kept: Kept, release: str, bins: Sketches, log: Log, since: int, until: int) -> int:
    slots = _slots(bins, log.scan(since, until), since, until)
    kept.put(release, slots, since, until)
    return sum(max((one.rows for one in sketches.values()), default=0) for sketches in slots.values())


def _slots(bins: Sketches, tables: Iterable[pa.Table], since: int, until: int) -> Slots:
    """Hours that lie between as a whole are one slot at once."""
    found: dict[tuple[int, int], Sketches] = {}
    for table in tables:
        seconds = table.column("at").cast(pa.int64()).to_numpy() // MICRO
        hours = seconds // HOUR * HOUR
        begins = np.where((hours >= since) & (hours + HOUR <= until), hours, seconds // MINUTE * MINUTE)
        for begin in np.unique(begins).tolist():
            same = begins == begin
            some = table if same.all() else table.filter(pa.array(same))
            whole = begin % HOUR == 0 and since <= begin and begin + HOUR <= until
            slot = (begin, HOUR if whole else MINUTE)
            found[slot] = added(found.get(slot, {}), counted(bins, some))
    return found
