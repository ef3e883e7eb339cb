"""Lists of experiments and runs: filtered, ordered, in pages. A clause becomes one look into an index."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from arkwright.core.errors import Invalid
from arkwright.core.record import encode
from arkwright.tracking import runs
from arkwright.tracking.filters import (
    ATTRIBUTE,
    DATASET,
    METRIC,
    PARAM,
    TAG,
    Clause,
    Language,
    parse,
    parse_order,
)
from arkwright.tracking.runs import Experiment, Tracked

T = TypeVar("T")
MOST, MOST_ORDERS = 50_000, 8
RUNS = Language(
    kinds={
        **dict.fromkeys(("metric", "metrics"), METRIC),
        **dict.fromkeys(("param", "params", "parameter", "parameters"), PARAM),
        **dict.fromkeys(("tag", "tags"), TAG),
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), ATTRIBUTE),
        **dict.fromkeys(("dataset", "datasets"), DATASET),
    },
    texts={
        "run_id": "r.uid",
        **dict.fromkeys(("run_name", "run name", "Run name", "Run Name"), "r.name"),
        "status": "r.status",
        "user_id": "r.user",
        "artifact_uri": "'mlflow-artifacts:/' || r.experiment || '/' || r.uid || '/artifacts'",
    },
    numbers={
        **dict.fromkeys(("start_time", "created", "Created"), "r.started"),
        "end_time": "r.ended",
        "duration": "coalesce(r.ended - r.started, 0)",  # ours: milliseconds, 0 while it runs
    },
)
EXPERIMENTS = Language(
    kinds={"attribute": ATTRIBUTE, "attributes": ATTRIBUTE, "tag": TAG, "tags": TAG},
    texts={"name": "e.name", "experiment_id": "CAST(e.id AS TEXT)"},
    numbers={"creation_time": "e.made", "last_update_time": "e.changed"},
)
_TABLES = {METRIC: "series", PARAM: "param", TAG: "run_tag"}
_CONTEXT = "json_extract(tags, '$.\"mlflow.data.context\"')"


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
    start = start_of(after)
    where, values = _among(filter, experiments, stage)
    joins, keys, ordered = _ordered(order)
    query = f"SELECT {runs.COLUMNS} FROM run r {joins} WHERE {where} ORDER BY {ordered} LIMIT ? OFFSET ?"  # noqa: S608
    rows = db.execute(query, (*keys, *values, size(limit) + 1, start)).fetchall()
    return Found(items=tuple(runs.filled(db, rows[:limit])), next=following(start, limit, len(rows)))


def count_runs(db: Any, *, filter: str, experiments: Sequence[int] | None, stage: str | None) -> int:  # noqa: A002
    """How many there are. Raises Invalid."""
    where, values = _among(filter, experiments, stage)
    return int(db.execute(f"SELECT count(*) FROM run r WHERE {where}", values).fetchone()[0])  # noqa: S608


def _among(text: str, experiments: Sequence[int] | None, stage: str | None) -> tuple[str, list[Any]]:
    where: list[str] = ["TRUE"]
    values: list[Any] = []
    if experiments is not None:
        where.append("r.experiment IN (SELECT value FROM json_each(?))")
        values.append("[" + ",".join(map(str, experiments)) + "]")
    if stage is not None:
        where.append("r.stage = ?")
        values.append(stage)
    for clause in parse(text, RUNS):
        condition, given = _condition(clause)
        where.append(condition)
        values += given
    return " AND ".join(where), values


def _condition(clause: Clause) -> tuple[str, list[Any]]:
    if clause.kind == ATTRIBUTE:
        return compared(RUNS.texts.get(clause.key) or RUNS.numbers[clause.key], clause)
    if clause.kind == DATASET:
        test, values = compared(_CONTEXT if clause.key == "context" else clause.key, clause)
        return f"r.id IN (SELECT run FROM input WHERE {test})", values  # noqa: S608
    table = _TABLES[clause.kind]
    if clause.value is None:
        return f"r.id {NULLS[clause.comparison]} (SELECT owner FROM {table} WHERE key = ?)", [clause.key]  # noqa: S608
    test, values = compared("value", clause)
    if clause.kind == METRIC and clause.comparison in (">", ">="):
        test += " AND value < ''"  # NaN is kept as a text, and every text is greater than every number
    return f"r.id IN (SELECT owner FROM {table} WHERE key = ? AND {test})", [clause.key, *values]  # noqa: S608


NULLS = {"IS NULL": "NOT IN", "IS NOT NULL": "IN"}


def compared(column: str, clause: Clause) -> tuple[str, list[Any]]:
    """The comparison of a column as SQL, and its values. LIKE minds the case, ILIKE does not."""
    if isinstance(clause.value, tuple):
        return f"{column} {clause.comparison} (SELECT value FROM json_each(?))", [encode(clause.value)]  # noqa: S608
    if clause.comparison == "LIKE":
        return f"{column} GLOB ?", [_glob(str(clause.value))]
    if clause.comparison == "ILIKE":
        return f"{column} LIKE ?", [clause.value]
    return f"{column} {clause.comparison} ?", [clause.value]


def _glob(pattern: str) -> str:
    """A pattern of LIKE as one of GLOB, which minds the case."""
    return "".join({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(sign, sign) for sign in pattern)


def _ordered(order: Sequence[str]) -> tuple[str, list[str], str]:
    """(joins, their values, what to order by): NaN behind every number, what has no value at the end."""
    if len(order) > MOST_ORDERS:
        raise Invalid(f"order_by takes at most {MOST_ORDERS} fields")
    joins, keys, by = [], [], []
    seen: set[tuple[str, str]] = set()
    for place, text in enumerate(order):
        kind, key, ascending = parse_order(text, RUNS)
        if (kind, key) in seen:
            raise Invalid(f"`order_by` contains duplicate fields: {key[:80]!r}")
        seen.add((kind, key))
        column = f"o{place}.value"
        if kind == ATTRIBUTE:
            column = RUNS.texts.get(key) or RUNS.numbers[key]
        else:
            joins.append(f"LEFT JOIN {_TABLES[kind]} o{place} ON o{place}.owner = r.id AND o{place}.key = ?")
            keys.append(key)
        odd = f"({column} IS NULL) * 2" + (f" + (typeof({column}) = 'text')" if kind == METRIC else "")
        by += [odd, f"{column} {'ASC' if ascending else 'DESC'}"]
    return " ".join(joins), keys, ", ".join([*by, "r.started DESC", "r.id DESC"])


def search_experiments(
    db: Any,
    *,
    filter: str = "",  # noqa: A002
    order: Sequence[str] = (),
    stage: str | None = runs.ACTIVE,
    limit: int = 100,
    after: str = "",
) -> Found[Experiment]:
    """Experiments, the last made first unless `order` says otherwise. Raises Invalid."""
    start = start_of(after)
    where: list[str] = ["TRUE"]
    values: list[Any] = []
    if stage is not None:
        where.append("e.stage = ?")
        values.append(stage)
    for clause in parse(filter, EXPERIMENTS):
        condition, given = _of_experiment(clause)
        where.append(condition)
        values += given
    by = [_by_attribute(one) for one in order] or ["e.made DESC"]
    query = (
        f"SELECT {runs.EXPERIMENT} FROM experiment e WHERE {' AND '.join(where)} ORDER BY {', '.join(by)}, e.id DESC"  # noqa: S608
    )
    rows = db.execute(f"{query} LIMIT ? OFFSET ?", (*values, size(limit) + 1, start)).fetchall()
    return Found(items=tuple(runs.experiments(db, rows[:limit])), next=following(start, limit, len(rows)))


def _of_experiment(clause: Clause) -> tuple[str, list[Any]]:
    if clause.kind == ATTRIBUTE:
        return compared(EXPERIMENTS.texts.get(clause.key) or EXPERIMENTS.numbers[clause.key], clause)
    tagged = "(SELECT owner FROM experiment_tag WHERE key = ?"
    if clause.value is None:
        return f"e.id {NULLS[clause.comparison]} {tagged})", [clause.key]
    test, values = compared("value", clause)
    return f"e.id IN {tagged} AND {test})", [clause.key, *values]


def _by_attribute(text: str) -> str:
    kind, key, ascending = parse_order(text, EXPERIMENTS)
    if kind != ATTRIBUTE:
        raise Invalid(f"Invalid order_by entity: {kind}")
    column = "e.id" if key == "experiment_id" else EXPERIMENTS.texts.get(key) or EXPERIMENTS.numbers[key]
    return f"{column} {'ASC' if ascending else 'DESC'}"


def size(limit: int) -> int:
    """Raises Invalid."""
    if not 1 <= limit <= MOST:
        raise Invalid(f"Invalid value for parameter 'max_results': {limit}; it has to be from 1 to {MOST}")
    return limit


def following(start: int, limit: int, found: int) -> str | None:
    """What is given for the part after this one, where one more was found than is shown."""
    return base64.urlsafe_b64encode(b"%d" % (start + limit)).decode() if found > limit else None


def start_of(token: str) -> int:
    """How many are left out, as `following` said it. Raises Invalid."""
    if not token:
        return 0
    try:
        return min(max(int(base64.b64decode(token[:40], altchars=b"-_", validate=True)), 0), 1 << 62)
    except (binascii.Error, ValueError):
        raise Invalid(f"Invalid page token {token[:40]!r}: give it as the page before gave it") from None
