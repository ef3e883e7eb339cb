"""What a release was judged on, as a watch compares it with what comes: the columns of the rows held out, and what the
model answered to them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from arkwright.core import arrow
from arkwright.core.safeguards.words import class_name
from arkwright.measures.evaluation import Evaluation
from arkwright.monitor import by_cell, packing
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.monitor.by_cell import ByCell
from arkwright.monitor.counting import Answered, Reference, reference
from arkwright.project.loaded import Project
from arkwright.project.spec import ModelSpec
from arkwright.work.rows import Rows

_ENOUGH, _NEARLY_ALL = 100, 0.95  # rows, and the share of them


@dataclass(frozen=True)
class Held:
    """The rows of a table that were held out, with the answers to them: as columns, so that never all are copied."""

    raw: pa.Table
    test: pa.Array
    answers: Mapping[str, pa.ChunkedArray]

    @property
    def column_names(self) -> list[str]:
        return [*self.raw.column_names, *self.answers]

    @property
    def num_rows(self) -> int:
        return int(self.test.true_count)

    def column(self, name: str) -> pa.ChunkedArray:
        return self.answers[name] if name in self.answers else self.raw.column(name).filter(self.test)


def save(folder: Path, rows: Rows, evaluated: Evaluation, key: Collection[str] = ()) -> str:
    """Write it; the file's name. What the columns of the `key` do says nothing."""
    answers: dict[str, pa.Array] = {PREDICTION: pa.array(evaluated.label)}
    answered = truth = None
    if rows.classes:
        words = np.array([class_name(one) for one in rows.classes], dtype=object)
        answers[PREDICTION] = pa.array(words[evaluated.label].tolist(), pa.string())
        truth = evaluated.truth
    if evaluated.score is not None:
        score = evaluated.score.astype(np.float64)
        answered = Answered(score.reshape(len(score), -1), evaluated.label)
        answers[SCORE] = pa.array(answered.probabilities.max(axis=1))
    names = zip(named(answers, rows.raw.column_names), answers.values(), strict=True)
    held = Held(rows.raw, rows.test, {name: pa.chunked_array([column]) for name, column in names})
    errors = None if rows.classes else evaluated.label.astype(np.float64) - evaluated.truth
    made = reference(held, answered, truth, rows.groups.column_names, errors, key)
    kept = {name: one for name, one in made.columns.items() if name not in key or name in made.groups}
    telling = replace(made, columns=kept)
    packing.save(folder / packing.FILE, replace(made, by_cell=_by_cell(telling, held, answered, evaluated)))
    return packing.FILE


def _by_cell(made: Reference, held: Held, answered: Answered | None, evaluated: Evaluation) -> ByCell | None:
    """Of a classifier by the columns that are asked for, of a regression by its answer too."""
    label, truth = evaluated.label, evaluated.truth
    if made.judged and answered:
        columns = {name: one for name, one in made.columns.items() if name in held.raw.column_names}
        empty = made.judged[1].empty()
        return by_cell.of_classifier(held, columns, made.groups, empty, (answered.probabilities, label), truth)
    if made.loss_model:
        numbers = label.astype(np.float64), truth.astype(np.float64)
        return by_cell.of_regression(held, made.columns, made.groups, made.loss_model, *numbers)
    return None


def telling_apart(project: Project, spec: ModelSpec, rows: Rows) -> tuple[str, ...]:
    """The columns of the key of a model's data that only say which row it is: one that is the key by itself, and of
    several each whole number or word that is another in nearly all rows. All others may say something.
    """
    key = project.spec.data[spec.source].key
    return key if len(key) == 1 else tuple(name for name in key if _tells_apart(rows.raw, name))


def _tells_apart(raw: pa.Table, name: str) -> bool:
    """Of few rows nobody knows."""
    if name not in raw.column_names or len(raw) < _ENOUGH:
        return False
    column = raw.column(name)
    some = arrow.type_name(column.type, name) in ("int", "str")
    return some and len(column.drop_null().unique()) >= _NEARLY_ALL * len(raw)
