"""Safeguards held against the data: what was seen in training, and on how many held-out rows each rule fires."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core.errors import Invalid
from arkwright.core.safeguards import book
from arkwright.core.safeguards.book import Book
from arkwright.core.safeguards.words import MOST_CATEGORIES, RULES, Rule, Scope, Seen, class_name, range_key, scope_of
from arkwright.measures.evaluation import Evaluation
from arkwright.project import safeguards
from arkwright.project.loaded import Project
from arkwright.release.facts import Guards
from arkwright.work import code, evidence
from arkwright.work.rows import Rows
from arkwright.work.worker import Worker


def check(worker: Worker, model: str, rows: Rows) -> None:
    """Hold the rules of a model's endpoints against its rows and classes, before it is trained.

    Raises Invalid with the place of a rule that speaks of a class or a column that is not there, or with one of a
    column of more values than a release may hold.
    """
    for name, endpoint in worker.project.spec.endpoint.items():
        if endpoint.model == model:
            _seen(worker.project, name, rows, _compiled(worker.project, name, worker.safeguards.get(name, ()), rows))


def guards(worker: Worker, laid: Path, endpoint: str, rules: Any, path: str, seed: int) -> Guards:
    """The rules with what they need to know of the rows trained on. `laid`: the folder of the model, whose own
    rules, where it is made of them, stand behind the others.
    """
    project = worker.project
    own = () if not (laid / RULES).exists() else msgspec.json.decode((laid / RULES).read_bytes(), type=tuple[Rule, ...])
    given = (*msgspec.convert(rules, tuple[Rule, ...]), *own)
    rows = worker.rows(project.spec.endpoint[endpoint].model, path, seed)
    seen = _seen(project, endpoint, rows, _compiled(project, endpoint, given, rows))
    _, evaluated = evidence.load(laid)
    compiled = book.compiled(given, scope(project, project.spec.endpoint[endpoint].model, rows), seen)
    fired = Counter(_fired(compiled, rows, evaluated))
    counts = tuple(fired.get(place, 0) for place in range(len(given)))
    return Guards(rules=given, seen=seen, fired=counts, held=len(evaluated.truth), own=len(own))


def scope(project: Project, model: str, rows: Rows) -> Scope:
    """What rules about a model's rows may speak of, now that its classes are known."""
    spec = project.spec.model[model]
    columns = [f.column for f in code.fields(project, model, rows) if f.name != spec.target]
    return scope_of(columns, spec.target, spec.task, rows.classes)


def _compiled(project: Project, endpoint: str, rules: tuple[Rule, ...], rows: Rows) -> Book:
    """Every rule by itself, so that a mistake is told with its place."""
    known = scope(project, project.spec.endpoint[endpoint].model, rows)
    for rule in rules:
        try:
            book.compiled([rule], known)
        except Invalid as error:
            raise Invalid(f"{safeguards.where(project, ('endpoint', endpoint, 'safeguards'), rule)}: {error}") from None
    return book.compiled(rules, known)


def _seen(project: Project, endpoint: str, rows: Rows, compiled: Book) -> Seen:
    learnt = rows.raw.filter(rows.train)
    place = project.sheet.lines.of("endpoint", endpoint)
    categories = {}
    for name in compiled.categories:
        values = learnt.column(name).unique().to_pylist()
        if len(values) > MOST_CATEGORIES:
            many = f"unseen({name}): the rows trained on hold {len(values):,} values of it"
            raise Invalid(f"{place}: {many}, and a release at most {MOST_CATEGORIES:,}; leave {name} out")
        categories[name] = tuple(sorted(values, key=lambda v: (v is not None, v)))
    ranges = {}
    for name, within in compiled.ranges:
        found = _range(learnt.column(name), within)
        if found is None:
            raise Invalid(f"{place}: outside({name}): no row trained on has a value of it")
        ranges[range_key(name, within)] = found
    return Seen(categories=categories, ranges=ranges)


def _range(column: pa.ChunkedArray, within: float) -> tuple[Any, Any] | None:
    """The smallest and the largest value of the middle rows, `within` of all; dates as their texts."""
    values = column.drop_null()
    if pa.types.is_floating(values.type):
        values = values.filter(pc.is_finite(values))
    if not len(values):
        return None
    if within == 1:
        both = pc.min_max(values)
        low, high = both["min"].as_py(), both["max"].as_py()
    else:
        ordered = values.take(pc.sort_indices(values))
        cut = int(np.floor((1 - within) / 2 * (len(ordered) - 1)))
        low, high = ordered[cut].as_py(), ordered[len(ordered) - 1 - cut].as_py()
    return (low, high) if isinstance(low, int | float) else (low.isoformat(), high.isoformat())


def _fired(compiled: Book, rows: Rows, evaluated: Evaluation) -> list[int]:
    """The place of the rule that answers each held-out row, -1 for the model."""
    keys = [class_name(one) for one in rows.classes]
    labels = [rows.classes[code] for code in evaluated.label.tolist()] if rows.classes else evaluated.label.tolist()
    scores = [()] * len(labels) if evaluated.score is None else evaluated.score.reshape(len(labels), -1).tolist()
    fired = []
    for row, label, score in zip(raw_rows(compiled, rows), labels, scores, strict=True):
        shares = (1 - score[0], score[0]) if len(score) == 1 else score
        fired.append(compiled.first(row, label, dict(zip(keys, shares, strict=False))))
    return fired


def raw_rows(compiled: Book, rows: Rows) -> Iterator[dict[str, Any]]:
    """The rows held out, with the columns that the rules read."""
    held = rows.raw.filter(rows.test)
    columns = {name: _plain(held.column(name)) for name in compiled.columns}
    made = zip(*columns.values(), strict=True) if columns else iter([()] * held.num_rows)
    return (dict(zip(columns, row, strict=True)) for row in made)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Python values; what is no number is missing."""
    values = column.to_pylist()
    return [None if v != v else v for v in values] if pa.types.is_floating(column.type) else values  # noqa: PLR0124
