"""Lists of registered models, their versions, and logged models: filtered, ordered, in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.errors import Invalid
from arkwright.tracking import models, registry, runs, versions
from arkwright.tracking.filters import ATTRIBUTE, METRIC, PARAM, TAG, Clause, Language, parse, parse_order
from arkwright.tracking.models import Logged
from arkwright.tracking.registry import PROMPT, Registered
from arkwright.tracking.searching import MOST_ORDERS, NULLS, Found, compared, following, size, start_of
from arkwright.tracking.versions import Version

_ATTRIBUTES = dict.fromkeys(("attribute", "attributes", "attr"), ATTRIBUTE)
_TAGS = dict.fromkeys(("tag", "tags"), TAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a list is of. `tables`: where its tags and the like are, by the column `id`; `ties`: the order at last."""

    language: Language
    columns: str
    source: str
    id: str
    tables: Mapping[str, str]
    ties: str


REGISTERED = Kind(
    language=Language(
        kinds=_ATTRIBUTES | _TAGS,
        texts={"name": "m.name"},
        numbers={
            **dict.fromkeys(("creation_timestamp", "timestamp"), "m.made"),
            **dict.fromkeys(("last_updated_timestamp", "last_updated"), "m.changed"),
        },
    ),
    columns=registry.COLUMNS, source="registered m", id="m.id", tables={TAG: "registered_tag"}, ties="m.name",
)  # fmt: skip
VERSIONS = Kind(
    language=Language(
        kinds=_ATTRIBUTES | _TAGS,
        texts={"name": "m.name", "run_id": "v.run", "source_path": "v.source"},
        numbers={
            "version_number": "v.number", "creation_timestamp": "v.made", "last_updated_timestamp": "v.changed",
        },
    ),
    columns=versions.COLUMNS, source=versions.SOURCE, id="v.id", tables={TAG: "version_tag"},
    ties="v.changed DESC, m.name, v.number DESC",
)  # fmt: skip
LOGGED = Kind(
    language=Language(
        kinds=_ATTRIBUTES | _TAGS | {"metrics": METRIC, "params": PARAM},
        texts={
            "name": "l.name", "model_id": "l.uid", "model_type": "l.type", "source_run_id": "l.run",
            "status": f"substr(l.status, {len('LOGGED_MODEL_') + 1})", "experiment_id": "CAST(l.experiment AS TEXT)",
        },
        numbers={
            **dict.fromkeys(("creation_time", "creation_timestamp", "creation_timestamp_ms"), "l.made"),
            **dict.fromkeys(("last_updated_timestamp", "last_updated_timestamp_ms"), "l.changed"),
        },
    ),
    columns=models.COLUMNS, source="model l", id="l.id",
    tables={METRIC: "model_metric", PARAM: "model_param", TAG: "model_tag"}, ties="l.made DESC, l.id DESC",
)  # fmt: skip


@dataclass(slots=True)
class _Query:
    where: list[str] = field(default_factory=lambda: ["TRUE"])
    values: list[Any] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    keys: list[Any] = field(default_factory=list)  # values in the order

    def also(self, condition: str, values: Sequence[Any]) -> None:
        self.where.append(condition)
        self.values += values


def registered(db: Any, *, filter: str, order: Sequence[str], limit: int, after: str) -> Found[Registered]:  # noqa: A002
    """By name, unless `order` says otherwise. Raises Invalid."""
    rows, more = _page(db, REGISTERED, _asked(REGISTERED, filter, order), limit, after)
    return Found(items=tuple(registry.filled(db, rows)), next=more)


def numbered(db: Any, *, filter: str, order: Sequence[str], limit: int, after: str) -> Found[Version]:  # noqa: A002
    """Versions, the last changed first unless `order` says otherwise. Raises Invalid."""
    rows, more = _page(db, VERSIONS, _asked(VERSIONS, filter, order), limit, after)
    return Found(items=tuple(versions.filled(db, rows)), next=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """One field that logged models are ordered by; a metric may be that on one dataset."""

    field: str
    ascending: bool = True
    dataset: str = ""
    digest: str = ""


def logged(
    db: Any,
    *,
    experiments: Sequence[int],
    filter: str,  # noqa: A002
    datasets: Sequence[tuple[str, str]],
    order: Sequence[By],
    limit: int,
    after: str,
) -> Found[Logged]:
    """Logged models, the newest first unless `order` says otherwise.

    `datasets`: metrics in the filter are those on one of these (name, digest or empty). Raises Invalid.
    """
    query = _Query()
    query.also("l.stage = ?", [runs.ACTIVE])
    query.also("l.experiment IN (SELECT value FROM json_each(?))", ["[" + ",".join(map(str, experiments)) + "]"])
    on, named = _on(datasets)
    for clause in parse(filter, LOGGED.language):
        condition, values = _condition(LOGGED, clause)
        if clause.kind == METRIC and datasets:
            condition, values = f"{condition[:-1]} AND ({on}))", [*values, *named]
        query.also(condition, values)
    if len(order) > MOST_ORDERS:
        raise Invalid(f"order_by takes at most {MOST_ORDERS} fields")
    for by in order:
        _order_by(query, by)
    rows, more = _page(db, LOGGED, query, limit, after)
    return Found(items=tuple(models.filled(db, rows)), next=more)


def _asked(kind: Kind, text: str, order: Sequence[str]) -> _Query:
    query, clauses = _Query(), parse(text, kind.language)
    if not any(_is_prompt(clause) for clause in clauses):  # prompts come only to those who ask for them
        query.also(
            "NOT EXISTS (SELECT 1 FROM registered_tag WHERE owner = m.id AND key = ? AND value = 'true')", [PROMPT]
        )
    for clause in clauses:
        if (clause.kind, clause.key) != (TAG, PROMPT) or _is_prompt(clause) or clause.comparison not in ("=", "!="):
            query.also(*_condition(kind, clause))
    if len(order) > MOST_ORDERS:
        raise Invalid(f"order_by takes at most {MOST_ORDERS} fields")
    for one in order:
        said, key, ascending = parse_order(one, kind.language)
        if said != ATTRIBUTE:
            raise Invalid(f"Invalid order_by entity: {said}")
        query.order.append(f"{_column(kind, key)} {'ASC' if ascending else 'DESC'}")
    return query


def _is_prompt(clause: Clause) -> bool:
    asked = (clause.comparison, str(clause.value).lower())
    return (clause.kind, clause.key) == (TAG, PROMPT) and asked in (("=", "true"), ("!=", "false"))


def _order_by(query: _Query, by: By) -> None:
    said, key = LOGGED.language.named(by.field or "?")
    way = "ASC" if by.ascending else "DESC"
    if said == ATTRIBUTE:
        query.order.append(f"{_column(LOGGED, key)} {way}")
        return
    if said != METRIC:
        raise Invalid(f"Invalid order by field name: {by.field[:80]!r}. Only metrics are supported.")
    on, named = _on([(by.dataset, by.digest)] if by.dataset else [])
    latest = (
        f"(SELECT value FROM model_metric WHERE owner = l.id AND key = ? AND ({on}) "  # noqa: S608
        f"ORDER BY step DESC, at DESC LIMIT 1)"
    )
    query.order += [f"{latest} IS NULL", f"typeof({latest}) = 'text'", f"{latest} {way}"]  # NaN stands behind
    query.keys += [key, *named] * 3


def _on(datasets: Sequence[tuple[str, str]]) -> tuple[str, list[str]]:
    """Whether a metric is on one of these datasets."""
    tests = [f"dataset = ?{' AND digest = ?' if digest else ''}" for _, digest in datasets]
    return " OR ".join(tests) or "TRUE", [text for pair in datasets for text in pair if text]


def _page(db: Any, kind: Kind, query: _Query, limit: int, after: str) -> tuple[list[Any], str | None]:
    start = start_of(after)
    text = (
        f"SELECT {kind.columns} FROM {kind.source} WHERE {' AND '.join(query.where)} "  # noqa: S608
        f"ORDER BY {', '.join([*query.order, kind.ties])} LIMIT ? OFFSET ?"
    )
    rows = db.execute(text, (*query.values, *query.keys, size(limit) + 1, start)).fetchall()
    return rows[:limit], following(start, limit, len(rows))


def _column(kind: Kind, key: str) -> str:
    return kind.language.texts.get(key) or kind.language.numbers[key]


def _condition(kind: Kind, clause: Clause) -> tuple[str, list[Any]]:
    if clause.kind == ATTRIBUTE:
        return compared(_column(kind, clause.key), clause)
    owners = f"(SELECT owner FROM {kind.tables[clause.kind]} WHERE key = ?"  # noqa: S608
    if clause.value is None:
        return f"{kind.id} {NULLS[clause.comparison]} {owners})", [clause.key]
    test, values = compared("value", clause)
    if clause.kind == METRIC and clause.comparison in (">", ">="):
        test += " AND value < ''"  # NaN is kept as a text, and every text is greater than every number
    return f"{kind.id} IN {owners} AND {test})", [clause.key, *values]
