"""Curves of a fit: what the model's function reported step by step, and what the estimator kept of its own."""

import math
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Points = list[tuple[int, float]]
FILE = "curves.json"
MOST_CURVES, MOST_POINTS = 64, 1000  # of one fit; of one curve, twice that while it is being reported
# what scikit-learn's estimators keep, a value for each iteration
_KEPT = ("loss_curve_", "validation_scores_", "train_score_", "validation_score_", "oob_scores_")


class Report:
    """What a model's function that asks for `report` is given: `report(step, loss=0.3)`, as often as it likes.

    Long curves are thinned evenly as they grow; the first point and the last stay.
    """

    def __init__(self) -> None:
        self._curves: dict[str, _Growing] = {}

    def __call__(self, step: int, /, **metrics: float) -> None:
        """Raises TypeError or ValueError for what is no number, or for too many metrics."""
        at = operator.index(step)
        for name, value in metrics.items():
            if name not in self._curves and len(self._curves) >= MOST_CURVES:
                raise ValueError(f"at most {MOST_CURVES} metrics are reported; {name!r} is one more")
            self._curves.setdefault(name, _Growing()).add(at, float(value))

    def curves(self) -> dict[str, Points]:
        """In the order of steps."""
        return {name: sorted(curve.points()) for name, curve in self._curves.items()}


class _Growing:
    def __init__(self) -> None:
        self._kept: Points = []
        self._stride, self._seen, self._last = 1, 0, (0, math.nan)

    def add(self, step: int, value: float) -> None:
        self._last = (step, value)
        if self._seen % self._stride == 0:
            self._kept.append(self._last)
            if len(self._kept) > 2 * MOST_POINTS:
                del self._kept[1::2]
                self._stride *= 2
        self._seen += 1

    def points(self) -> Points:
        every = [*self._kept, *([self._last] if self._kept[-1] != self._last else [])]
        return [(step, value) for step, value in every if math.isfinite(value)]


def of(estimator: Any, report: Report) -> dict[str, Points]:
    """Every curve with more than one point, by its name; iterations count from 1."""
    found = {**dict(_own(_innermost(estimator))), **report.curves()}
    return {name: points for name, points in list(found.items())[:MOST_CURVES] if len(points) > 1}


def thinned(points: Points, most: int) -> Points:
    """About `most` of the points, evenly; the first and the last stay."""
    stride = max(1, -(-len(points) // most))
    return [point for place, point in enumerate(points) if place % stride == 0 or place == len(points) - 1]


def _own(estimator: Any) -> Iterator[tuple[str, Points]]:
    """LightGBM and XGBoost keep what was measured on each `eval_set`, by its name and the metric's."""
    results = getattr(estimator, "evals_result_", None)
    for where, metrics in (results or {}).items() if isinstance(results, Mapping) else ():
        for metric, values in metrics.items():
            yield f"{where}: {metric}", _points(values)
    for word in _KEPT:
        values = getattr(estimator, word, None)
        if values is not None:
            yield word.strip("_").replace("_", " "), _points(values)


def _points(values: Iterable[Any]) -> Points:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):  # of several outputs, say
        return []
    return thinned([(at, value) for at, value in enumerate(numbers, 1) if math.isfinite(value)], MOST_POINTS)


def _innermost(estimator: Any) -> Any:
    """The last step of a pipeline, which learns."""
    while steps := getattr(estimator, "steps", None):
        estimator = steps[-1][1]
    return estimator
