"""How a promise speaks of what was answered: `prediction` is the label or the value, `score` the probability of the
positive class, or of several classes the highest.
"""

from collections.abc import Collection, Iterable

PREDICTION, SCORE = "prediction", "score"


def named(answers: Iterable[str], columns: Collection[str]) -> list[str]:
    """Their names beside these columns: one that a column has already has `answer_` before it."""
    found = []
    for answer in answers:
        name = answer
        while name in columns:
            name = f"answer_{name}"
        found.append(name)
    return found
