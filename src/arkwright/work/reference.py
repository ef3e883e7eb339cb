"""What a release was judged on, as a watch compares it with what comes: the columns of the rows held out, and what the
model answered to them.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from arkwright.core.safeguards.words import class_name
from arkwright.measures.evaluation import Evaluation
from arkwright.monitor import counting, reference
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.work.rows import Rows


def save(folder: Path, rows: Rows, evaluated: Evaluation) -> str:
    """Write it; the file's name."""
    raw = rows.raw.filter(rows.test)
    answers: dict[str, pa.Array] = {PREDICTION: pa.array(evaluated.label)}
    if rows.classes:
        words = np.array([class_name(one) for one in rows.classes], dtype=object)
        answers[PREDICTION] = pa.array(words[evaluated.label].tolist(), pa.string())
    if evaluated.score is not None:
        score = evaluated.score if evaluated.score.ndim == 1 else evaluated.score.max(axis=1)
        answers[SCORE] = pa.array(score.astype(np.float64))
    for name, column in zip(named(answers, raw.column_names), answers.values(), strict=True):
        raw = raw.append_column(name, column)
    reference.save(folder / reference.FILE, counting.reference(raw))
    return reference.FILE
