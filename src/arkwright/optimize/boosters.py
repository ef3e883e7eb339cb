"""The estimator made ready: trees as a converter takes them exactly, and every processor for many rows at once."""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_THRESHOLDS = re.compile(r"^threshold=(.*)$", re.MULTILINE)

_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)


def convertible(estimator: Any) -> Any:
    """A copy of the estimator that answers the same for rows of 32-bit floats, and whose graph will too.

    LightGBM compares `x <= t` with a 64-bit t. A graph holds t in 32 bits, and rounding it up lets rows pass that must
    not; rounded down, every 32-bit x is on the side where it was. XGBoost's trees are 32-bit already, but its converter
    reads no names of columns.
    """
    made = copy.deepcopy(estimator)
    for part in parts(made):
        kind = f"{type(part).__module__}.{type(part).__name__}"
        if kind in ("lightgbm.sklearn.LGBMClassifier", "lightgbm.sklearn.LGBMRegressor"):
            part._Booster = _rounded_down(part._Booster)  # noqa: SLF001 - the estimator has no public way to take one
        elif kind in ("xgboost.sklearn.XGBClassifier", "xgboost.sklearn.XGBRegressor"):
            part.get_booster().feature_names = None
    return made


def parts(estimator: Any) -> Iterator[Any]:
    """The estimator and every estimator inside it, however pipelines and column transformers nest."""
    yield estimator
    inner = [step for _, step in getattr(estimator, "steps", ())]
    inner += [step for _, step, _ in getattr(estimator, "transformers_", ())]
    inner += [step for _, step in getattr(estimator, "transformer_list", ())]
    for step in inner:
        if not isinstance(step, str):
            yield from parts(step)


@contextmanager
def all_processors(estimator: Any) -> Iterator[None]:
    """Let the estimator answer many rows at once on every processor; each row's answer is its own on any number."""
    asked = [
        (part, part.n_jobs) for part in parts(estimator) if hasattr(part, "n_jobs") and hasattr(part, "set_params")
    ]
    for part, _ in asked:
        part.set_params(n_jobs=-1)
    try:
        yield
    finally:
        for part, number in asked:
            part.set_params(n_jobs=number)


def _rounded_down(booster: Any) -> Any:
    from lightgbm import Booster

    text = _THRESHOLDS.sub(_round, booster.model_to_string(num_iteration=-1))
    # where each tree begins has changed; without this line LightGBM looks for itself
    return Booster(model_str=_SIZES.sub("", text))


def _round(line: re.Match[str]) -> str:
    exact = np.array(line[1].split(), dtype=np.float64)
    with np.errstate(over="ignore"):
        near = exact.astype(np.float32)
    down = np.where(near.astype(np.float64) > exact, np.nextafter(near, np.float32(-np.inf)), near)
    return "threshold=" + " ".join(repr(float(value)) for value in down)
