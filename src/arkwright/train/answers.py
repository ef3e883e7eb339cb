"""What a fitted estimator answers, in one form for every framework: class codes and probabilities, or values."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arkwright.core.errors import Invalid
from arkwright.core.frames import to_frame
from arkwright.core.usercode import describe

Array = npt.NDArray[Any]
Class = int | str | bool
MISSING = "(missing)"
_ROUNDING = 1e-5  # of probabilities in float32
_WIDE = 64  # characters; an array of texts gives each row the room of the longest one


def classes_of(target: pa.ChunkedArray) -> tuple[Class, ...]:
    """The classes of a target in their order (False, True; numbers; texts): a class's code is its place.

    Raises Invalid with fewer than two, or when they are neither integers, texts nor booleans.
    """
    found = sorted(value for value in target.unique().to_pylist() if value is not None)
    if found and not isinstance(found[0], int | str):
        raise Invalid(f"the target is {target.type}; classes must be integers, texts or booleans")
    if len(found) < 2:
        raise Invalid(f"the target holds {found!r} only; a classification needs two classes or more")
    return tuple(found)


def codes_of(target: pa.ChunkedArray, task: str, classes: Sequence[Class]) -> Array:
    """The truth: (n,) class codes (int64), or values (float64)."""
    if task != "regression":
        return _codes(target.to_pylist(), classes)
    try:
        return np.asarray(target.cast(pa.float64(), safe=False).to_numpy())
    except pa.ArrowException:
        raise Invalid(f"the target is {target.type}; a regression needs numbers") from None


def groups_of(column: pa.ChunkedArray) -> Array:
    """(n,) the group of each row, as text: of objects that rows of a group share where one of the texts is long, as one
    that came with a request may be.
    """
    coded = pa.chunked_array(column.chunks, column.type).combine_chunks().dictionary_encode(null_encoding="encode")
    values = ["true" if v is True else "false" if v is False else v for v in coded.dictionary.to_pylist()]
    texts = [MISSING if v is None else str(v) for v in values]
    wide = any(len(text) > _WIDE for text in texts)
    names = np.array(texts, dtype=object if wide else np.str_)
    return names[coded.indices.to_numpy(zero_copy_only=False)] if len(names) else np.zeros(0, np.str_)


def answers(
    estimator: Any, inputs: pa.Table, *, kind: str, task: str, classes: Sequence[Class] = ()
) -> tuple[Array, Array | None]:
    """(label, score) for n rows.

    classification: label (n,) class codes; score (n,) probability of class 1 when there are two classes, else (n, k),
    in the order of `classes` whatever the estimator's own order. regression: label (n,) values, score None.
    `kind` is the frame the estimator was fitted on. Raises Invalid when it cannot answer or answers no number.
    """
    frame, name = to_frame(inputs, kind), type(estimator).__name__
    try:
        if task == "regression":
            label, score, own = np.asarray(estimator.predict(frame)).astype(np.float64), None, []
        else:
            score = np.asarray(estimator.predict_proba(frame)).astype(np.float64)
            own = [_plain(value) for value in estimator.classes_]
            chosen = np.asarray(estimator.classes_)[score.argmax(axis=1)] if _largest_wins(estimator) else None
            label = np.asarray(estimator.predict(frame)) if chosen is None else chosen
    except Exception as error:  # an estimator can raise anything
        raise Invalid(f"{name} cannot answer: {describe(error)}") from error
    if label.shape not in ((inputs.num_rows,), (inputs.num_rows, 1)):
        raise Invalid(f"{name} answers {label.shape} for {inputs.num_rows} rows, not one value for each")
    label = label.reshape(-1)
    if score is None:
        if not np.isfinite(label).all():
            raise Invalid(f"{name} answers values that are no numbers (NaN or infinite)")
        return label, None
    ordered = _in_order(score, own, (inputs.num_rows, len(own)), classes, name)
    return _codes([_plain(value) for value in label], classes), ordered[:, 1] if len(classes) == 2 else ordered


def _largest_wins(estimator: Any) -> bool:
    """Whether `predict` is the class of the largest probability, as its documentation says: half the work is saved."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    return f"{type(last).__module__}.{type(last).__name__}" in _BOOSTERS


_BOOSTERS = ("lightgbm.sklearn.LGBMClassifier", "xgboost.sklearn.XGBClassifier")


def _in_order(score: Array, own: Sequence[Any], shape: tuple[int, int], classes: Sequence[Class], name: str) -> Array:
    """Probabilities (n, k) in the order of `classes`. No served form answers a class that the estimator never saw."""
    if score.shape != shape:
        raise Invalid(f"{name} answers probabilities of shape {score.shape}, not {shape}: one per row and class")
    if not ((score > -_ROUNDING) & (score < 1 + _ROUNDING)).all():
        raise Invalid(f"{name} answers probabilities that are not between 0 and 1")
    ordered = np.zeros((shape[0], len(classes)))
    for place, value in enumerate(own):
        if value not in classes:
            raise Invalid(f"{name} answers {value!r}, which is no class of the target")
        ordered[:, list(classes).index(value)] = score[:, place]
    lost = [value for value in classes if value not in own]
    if lost:
        raise Invalid(
            f"{name} learnt no class {lost[0]!r}, of which every row may be held out: split by stratified, or leave "
            "its rows out of the dataset"
        )
    return ordered


def _codes(values: Sequence[Any], classes: Sequence[Class]) -> Array:
    places = {value: place for place, value in enumerate(classes)}
    try:
        return np.array([places[value] for value in values], dtype=np.int64)
    except KeyError as error:
        raise Invalid(f"the value {error.args[0]!r} is no class of the target") from None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
