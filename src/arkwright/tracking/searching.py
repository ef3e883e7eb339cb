"""Lists of experiments and runs: filtered, ordered, in pages."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from arkwright.core.errors import Invalid
from arkwright.tracking import runs
from arkwright.tracking.runs import Experiment, Tracked

T = TypeVar("T")
MOST = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[T]):
    """A part of a list. `next`: what to give as `after` for the part that follows; None at the end."""

    items: tuple[T, ...]
    next: str | None = None


def search_runs(
    db: Any,
    *,
    filter: str = "",  # noqa: A002 - what MLflow calls it
    order: Sequence[str] = (),
    experiments: Sequence[int] | None = None,
    stage: str | None = runs.ACTIVE,
    limit: int = 100,
    after: str = "",
) -> Found[Tracked]:
    """Runs, the newest first unless `order` says otherwise. Raises Invalid."""
    start = _place(after)
    if filter or order:
        raise Invalid("filters are not understood yet")
    where, values = ["TRUE"], []
    if experiments is not None:
        where.append("r.experiment IN (SELECT value FROM json_each(?))")
        values.append("[" + ",".join(map(str, experiments)) + "]")
    if stage is not None:
        where.append("r.stage = ?")
        values.append(stage)
    query = f"SELECT {runs.COLUMNS} FROM run r WHERE {' AND '.join(where)} ORDER BY r.started DESC, r.id DESC"  # noqa: S608
    rows = db.execute(f"{query} LIMIT ? OFFSET ?", (*values, _size(limit) + 1, start)).fetchall()
    return Found(items=tuple(runs.filled(db, rows[:limit])), next=_next(start, limit, len(rows)))


def search_experiments(
    db: Any, *, stage: str | None = runs.ACTIVE, limit: int = 100, after: str = ""
) -> Found[Experiment]:
    """Experiments, the last changed first. Raises Invalid."""
    start = _place(after)
    where, values = ("stage = ?", [stage]) if stage else ("TRUE", [])
    query = f"SELECT id FROM experiment WHERE {where} ORDER BY changed DESC, id DESC LIMIT ? OFFSET ?"  # noqa: S608
    ids = [row[0] for row in db.execute(query, (*values, _size(limit) + 1, start))]
    items = tuple(runs.get_experiment(db, id=number) for number in ids[:limit])
    return Found(items=items, next=_next(start, limit, len(ids)))


def _size(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise Invalid(f"Invalid value for parameter 'max_results': {limit}; it has to be from 1 to {MOST}")
    return limit


def _next(start: int, limit: int, found: int) -> str | None:
    return base64.urlsafe_b64encode(b"%d" % (start + limit)).decode() if found > limit else None


def _place(token: str) -> int:
    """Raises Invalid."""
    if not token:
        return 0
    try:
        return min(int(base64.b64decode(token[:40], altchars=b"-_", validate=True)), 1 << 62)
    except (binascii.Error, ValueError):
        raise Invalid(f"Invalid page token {token[:40]!r}: give it as the page before gave it") from None
