"""Looking at a loaded tree before it is followed: scikit-learn reads its node indices without checking them."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def check_trees(estimator: Any) -> None:
    """Raises ValueError when any tree inside `estimator` points at a node or a feature that it does not have."""
    for thing in _things(estimator):
        kind = type(thing).__name__
        if kind == "Tree" and type(thing).__module__ == "sklearn.tree._tree":
            _check_children(thing.children_left, thing.children_right, np.asarray(thing.children_left) == -1)
            inner = np.asarray(thing.children_left) != -1
            features = np.asarray(thing.feature)[inner]
            if ((features < 0) | (features >= thing.n_features)).any():
                raise ValueError("a tree asks for a feature that does not exist")
        elif kind == "TreePredictor":
            nodes = thing.nodes
            _check_children(nodes["left"], nodes["right"], nodes["is_leaf"].astype(bool))
            if (nodes["bitset_idx"][nodes["is_categorical"].astype(bool)] >= len(thing.raw_left_cat_bitsets)).any():
                raise ValueError("a tree asks for a set of categories that does not exist")
        elif hasattr(thing, "_predictors") and hasattr(thing, "_n_features"):
            _check_features(thing)


def _check_children(left: Any, right: Any, leaf: Any) -> None:
    """Children come after their parent and before the end, so following them ends."""
    places = np.arange(len(left))
    for child in (np.asarray(left), np.asarray(right)):
        bad = ~leaf & ((child.astype(np.int64) <= places) | (child.astype(np.int64) >= len(places)))
        if bad.any():
            raise ValueError("a tree points outside itself")


def _check_features(model: Any) -> None:
    for round_ in model._predictors:  # noqa: SLF001 - there is no public way to the trees of a histogram booster
        for predictor in round_:
            inner = ~predictor.nodes["is_leaf"].astype(bool)
            if (predictor.nodes["feature_idx"][inner] >= model._n_features).any():  # noqa: SLF001
                raise ValueError("a tree asks for a feature that does not exist")


def _things(root: Any) -> Iterator[Any]:
    """Every object reachable through attributes, lists, tuples, dicts and arrays of objects, once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | float | type | None):
            continue
        seen.add(id(thing))
        yield thing
        if isinstance(thing, dict):
            waiting += thing.values()
        elif isinstance(thing, list | tuple | set):
            waiting += thing
        elif isinstance(thing, np.ndarray):
            waiting += thing.ravel().tolist() if thing.dtype == object else []
        else:
            waiting += getattr(thing, "__dict__", {}).values()
