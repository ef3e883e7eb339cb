"""What a release was judged on, as a watch compares it with what comes: the columns of the rows held out, and what the
model answered to them.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from arkwright.core.safeguards.words import class_name
from arkwright.measures.evaluation import Evaluation
from arkwright.monitor import by_cell, packing
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.monitor.by_cell import ByCell
from arkwright.monitor.counting import Answered, Reference, reference
from arkwright.work.rows import Rows


def save(folder: Path, rows: Rows, evaluated: Evaluation) -> str:
    """Write it; the file's name."""
    held = rows.raw.filter(rows.test)
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
    asked = held.column_names
    for name, column in zip(named(answers, asked), answers.values(), strict=True):
        held = held.append_column(name, column)
    errors = None if rows.classes else evaluated.label.astype(np.float64) - evaluated.truth
    made = reference(held, answered, truth, rows.groups.column_names, errors)
    packing.save(folder / packing.FILE, replace(made, by_cell=_by_cell(made, held, asked, answered, evaluated)))
    return packing.FILE


def _by_cell(
    made: Reference, held: pa.Table, asked: list[str], answered: Answered | None, evaluated: Evaluation
) -> ByCell | None:
    """Of a classifier by the columns that are asked for, of a regression by its answer too."""
    label, truth = evaluated.label, evaluated.truth
    if made.judged and answered:
        columns = {name: one for name, one in made.columns.items() if name in asked}
        empty = made.judged[1].empty()
        return by_cell.of_classifier(held, columns, made.groups, empty, (answered.probabilities, label), truth)
    if made.loss_model:
        numbers = label.astype(np.float64), truth.astype(np.float64)
        return by_cell.of_regression(held, made.columns, made.groups, made.loss_model, *numbers)
    return None
