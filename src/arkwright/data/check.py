"""Measure data promises: gather what all of them need, take it in one pass over the rows, finish each."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arkwright.core.promises import Reading
from arkwright.core.rows import Field
from arkwright.data.scan.askable import must_be_askable, schema_changes
from arkwright.data.scan.files import Scan
from arkwright.measures.aggregates import Aggregate, Now, SchemaChanges
from arkwright.measures.registry import Plan

Bound = Mapping[str, Callable[[], Plan]]


def measure(
    path: Path | Sequence[Path],
    bound: Bound,
    *,
    others: Mapping[str, Path] | None = None,
    row: tuple[Field, ...] | None = None,
    trusted: bool = False,
    now: float | None = None,
) -> dict[str, Reading]:
    """The reading of each promise in `bound` (its text -> the bound measure), taken together in one pass.

    `path`: one Parquet file, or several that are read as one. `others`: dataset -> Parquet file, for references.
    `row`: the row class, for schema_changes. `trusted`: the file was written by Arkwright, so what its footer says of
    nulls and ranges is believed; otherwise every needed value is decoded. `now`: seconds since 1970.
    Works on a file without rows, so a rehearsal can find what does not fit before data is there.
    Raises Invalid for a promise that does not fit the column's type or a pattern that is not one, Corrupt for a file
    that cannot be read.
    """
    plans = plan(bound)
    scan = Scan([path] if isinstance(path, Path) else list(path), others or {}, trusted=trusted)
    for text, made in plans.items():
        must_be_askable(text, made.needs, scan.kind, scan.other_kind)
    needs = dict.fromkeys(need for made in plans.values() for need in made.needs)
    asked = [need for need in needs if not isinstance(need, Now | SchemaChanges)]
    answers = {**scan.answer(asked), Now(): time.time() if now is None else now}
    if SchemaChanges() in needs:
        answers[SchemaChanges()] = schema_changes(scan.kinds, row)
    return finish(plans, answers)


def plan(bound: Bound) -> dict[str, Plan]:
    """What each promise needs."""
    return {text: make() for text, make in bound.items()}


def finish(plans: Mapping[str, Plan], answers: Mapping[Aggregate, Any]) -> dict[str, Reading]:
    """Each promise's reading from the answers to what it needs."""
    return {text: made.finish(*(answers[need] for need in made.needs)) for text, made in plans.items()}
