"""A model's rows: what it learns from, what is held out, and what they look like to the estimator."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core import arrow, rowwise
from arkwright.core.errors import Invalid
from arkwright.project.apply import apply_features
from arkwright.project.loaded import Project
from arkwright.project.spec import DataSpec, ModelSpec
from arkwright.train.answers import Array, Class, classes_of, groups_of
from arkwright.train.split import Split, SplitPlan, split


@dataclass(frozen=True)
class Rows:
    """`raw`: the dataset without the target. `inputs`: what `features` makes of it, the same table without features."""

    raw: pa.Table
    inputs: pa.Table
    target: pa.ChunkedArray
    groups: pa.Table
    split: Split
    classes: tuple[Class, ...]

    @classmethod
    def of(cls, project: Project, model: str, path: Path, seed: int) -> "Rows":
        """Read a snapshot and prepare it. Raises Invalid when it cannot be split, or `features` cannot be made."""
        spec = project.spec.model[model]
        table = pq.read_table(path)
        target = table.column(spec.target)
        if target.null_count:
            where = project.sheet.lines.of("model", model, "target")
            raise Invalid(
                f"{where}: {spec.target!r} is missing in {target.null_count} of {table.num_rows} rows of "
                f"{spec.source}; learn from a dataset without them (an SQL file or a function leaves them out)"
            )
        classes = classes_of(target) if spec.task == "classification" else ()
        held = split(table, _plan(spec, project.spec.data[spec.source]), seed, classes=spec.target if classes else None)
        raw = table.drop_columns([spec.target])
        features = project.features(model)
        inputs = _inputs(features, raw, spec) if features else raw
        if inputs.num_rows != raw.num_rows:
            raise Invalid(
                f"{spec.source}: features() gave {inputs.num_rows} rows for {raw.num_rows}; one for each is due"
            )
        return cls(raw, inputs, target, table.select(list(spec.groups)), held, classes)

    @cached_property
    def train(self) -> pa.Array:
        return pa.array(self.split.train)

    @cached_property
    def test(self) -> pa.Array:
        return pa.array(self.split.test)

    def held_groups(self) -> dict[str, Array]:
        """Column -> (n,) the group of each held-out row, as text."""
        held = self.groups.filter(self.test)
        return {name: groups_of(column) for name, column in zip(held.column_names, held.columns, strict=True)}


def _inputs(features: Callable[..., Any], raw: pa.Table, spec: ModelSpec) -> pa.Table:
    """What `features` makes of the rows. A source without a row class has columns only now, after the rehearsal."""
    rowwise.check(features, arrow.columns(raw.schema), spec.source, spec.target)
    return apply_features(features, spec.source, raw)


def _plan(spec: ModelSpec, data: DataSpec) -> SplitPlan:
    own = (spec.split.column,) if spec.split.column else ()
    defaults = {
        "time": (data.time,) if data.time else (),
        "hash": data.key,
        "stratified": (spec.target,),
        "group": (),
    }
    return SplitPlan(by=spec.split.by, test=spec.split.test, columns=own or defaults[spec.split.by])
