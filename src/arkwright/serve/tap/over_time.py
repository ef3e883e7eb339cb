"""An endpoint's traffic over time, from the log of predictions: how many, how many refused, how fast, by release."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from arkwright.core.ports import Store, Tables
from arkwright.serve.tap.index_lock import reading
from arkwright.serve.tap.query import Wanted, parts
from arkwright.serve.tap.segment import Record, Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """What one release answered in one slot of time that begins `at` (seconds since 1970), as far as it was logged.

    `requests`, of which `errors` with a status of 400 and above; times in milliseconds, of those answered. `shadow`:
    answered aside, to nobody.
    """

    at: int
    release: str
    shadow: bool
    requests: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None


def over_time(
    folder: Path, store: Store, tables: Tables, scratch: Path, since: datetime, until: datetime, seconds: int
) -> tuple[Slot, ...]:
    """Slots of so many seconds, in order; a slot without a request is left out. Raises what the engine raises."""
    if not folder.is_dir():
        return ()
    wanted = Wanted(since=since.replace(tzinfo=None), until=until.replace(tzinfo=None))
    with reading(folder):
        inputs = parts(folder, store, scratch, wanted, partial(_without_rows, wanted))
        if not inputs:
            return ()
        tables.write(_query(list(inputs), wanted, seconds), inputs, scratch / "slots.parquet")
    return tuple(Slot(**row) for row in pq.read_table(scratch / "slots.parquet").to_pylist())


def _without_rows(wanted: Wanted, record: Record, release: Release) -> Record | None:
    """One row stands for a request, and nothing of what it says is asked for."""
    if wanted.choose(record, release) is None:
        return None
    return msgspec.structs.replace(record, body=b"", answer=b"", head=0, answer_head=0)


def _query(names: list[str], wanted: Wanted, seconds: int) -> str:
    """One row of a request stands for it; several rows of it are one answer, as fast as that."""
    columns = '"at", "release", "shadow", "status", "latency_ms"'
    chosen = f'WHERE "row" = 0 AND {wanted.condition}'
    asked = " UNION ALL ".join(f"SELECT {columns} FROM {name} {chosen}" for name in names)  # noqa: S608 - names of ours
    good = 'FILTER (WHERE "status" < 400)'
    return (
        f'SELECT epoch_us("at") // {seconds * 1_000_000} * {seconds} AS "at", "release", "shadow", '  # noqa: S608
        f'count(*) AS requests, count(*) FILTER (WHERE "status" >= 400) AS errors, '
        f'quantile_cont("latency_ms", 0.5) {good} AS p50_ms, quantile_cont("latency_ms", 0.99) {good} AS p99_ms '
        f"FROM ({asked}) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )


def begins(now: datetime, span: int, slots: int) -> tuple[datetime, int]:
    """(when the first slot begins, seconds of each) of about so many slots in the last `span` seconds."""
    seconds = max(1, -(-span // slots))
    start = int(now.timestamp()) // seconds * seconds - seconds * (slots - 1)
    return datetime.fromtimestamp(start, UTC), seconds
