"""What a release was judged on, as a watch compares it with what comes: the columns of the rows held out, and what the
model answered to them.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from arkwright.core.safeguards.words import class_name
from arkwright.measures.evaluation import Evaluation
from arkwright.monitor import packing
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.monitor.counting import Answered, reference
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
    for name, column in zip(named(answers, held.column_names), answers.values(), strict=True):
        held = held.append_column(name, column)
    errors = None if rows.classes else evaluated.label.astype(np.float64) - evaluated.truth
    made = reference(held, answered, truth, rows.groups.column_names, errors)
    packing.save(folder / packing.FILE, made)
    return packing.FILE
