"""Calling the user's model function, and checking that what it gives back is a fitted estimator."""

import inspect
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from arkwright.core import frames
from arkwright.core.errors import Invalid
from arkwright.core.usercode import GIVEN, REPORT, SEED, call, where
from arkwright.train.curves import Report


def kind_of_inputs(function: Callable[..., Any]) -> str:
    """`polars`, `pandas` or `arrow`: what the function's first parameter asks for. Raises Invalid without a hint."""
    inputs, _, hints = _parameters(function)
    if inputs not in hints:
        raise Invalid(
            f"{where(function)}: say which frame {inputs!r} is, like  {inputs}: pl.DataFrame  "
            "(or pd.DataFrame, or pa.Table)"
        )
    return hints[inputs]


def fit(
    function: Callable[..., Any],
    inputs: pa.Table,
    target: pa.ChunkedArray,
    *,
    task: str,
    seed: int,
    report: Report | None = None,
) -> Any:
    """The fitted estimator that `function(inputs, target[, seed][, report])` returns.

    `inputs` (n rows) and `target` (n,) are given as the frame and the series of the kind that the type hints ask
    for. A fitted search (GridSearchCV and its kin) is replaced by its best estimator, for it holds times of the
    clock. Raises Invalid, with the user's file and line, when the function fails or gives back something else.
    """
    missing = target.null_count
    if pa.types.is_floating(target.type):
        missing = len(target) - (pc.sum(pc.is_finite(target)).as_py() or 0)
    if missing:
        raise Invalid(f"the target is missing in {missing} of {len(target)} rows; filter them in the dataset")
    if inputs.num_columns == 0:
        raise Invalid(f"{where(function)}: there is no input column to learn from")
    first, second, hints = _parameters(function)
    kind = kind_of_inputs(function)
    arguments: dict[str, Any] = {
        first: frames.to_frame(inputs, kind),
        second: frames.to_series(target, hints.get(second, kind), second),
    }
    given = {SEED: seed, REPORT: report or Report()}
    arguments |= {word: given[word] for word in GIVEN if word in inspect.signature(function).parameters}
    estimator = call(function, **arguments)
    estimator = getattr(estimator, "best_estimator_", estimator)
    check_estimator(estimator, task, where(function))
    return estimator


def check_estimator(estimator: Any, task: str, place: str) -> None:
    """Raises Invalid, beginning with `place`, when this is no fitted estimator for `task`."""
    needed = ("predict", "predict_proba", "fit") if task == "classification" else ("predict", "fit")
    shown = type(estimator).__name__
    if estimator is None:
        raise Invalid(f"{place}: it returned nothing; end it with: return estimator.fit(...)")
    if isinstance(estimator, type):
        raise Invalid(f"{place}: it returned the class {estimator.__name__}, not a fitted estimator")
    for method in needed:
        if not callable(getattr(estimator, method, None)):
            raise Invalid(f"{place}: it returned {shown}, which has no {method}; {_advice(shown, method)}")
    if not _is_fitted(estimator):
        raise Invalid(f"{place}: the {shown} it returned is not fitted; call .fit(inputs, target) first")
    if task == "classification" and getattr(estimator, "classes_", None) is None:
        raise Invalid(f"{place}: the {shown} it returned names no classes_, so its answers cannot be read")
    if task == "regression" and (hasattr(estimator, "predict_proba") or _is_classifier(estimator)):
        raise Invalid(f"{place}: it returned {shown}, a classifier, and the task is regression")


def _advice(shown: str, method: str) -> str:
    if shown == "Booster":
        return "use the estimator (LGBMClassifier, XGBClassifier …) instead of the bare booster"
    if method == "predict_proba":
        return "choose a classifier that gives probabilities, or calibrate it with CalibratedClassifierCV"
    return "return a fitted scikit-learn, LightGBM or XGBoost estimator"


def _is_fitted(estimator: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    except (TypeError, AttributeError):  # not an estimator of scikit-learn's kind: it cannot tell
        return True
    return True


def _is_classifier(estimator: Any) -> bool:
    from sklearn.base import is_classifier

    try:
        return bool(is_classifier(estimator))
    except AttributeError:
        return False


def _parameters(function: Callable[..., Any]) -> tuple[str, str, dict[str, str]]:
    names = [name for name in inspect.signature(function).parameters if name not in GIVEN]
    if len(names) != 2:
        raise Invalid(
            f"{where(function)}: a model function takes its inputs, its target and, if it likes, seed and report; "
            f"this one takes {', '.join(names) or 'nothing'}"
        )
    return names[0], names[1], frames.kinds(function)
