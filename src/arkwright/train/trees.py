"""Looking at a loaded model before it is followed: scikit-learn reads its indices in C without checking them."""

from collections.abc import Iterator
from typing import Any

import numpy as np


def check_trees(estimator: Any) -> None:
    """Raises ValueError when any tree inside `estimator` points at a node or a feature that it does not have.

    So does a support vector machine whose parts do not fit together, and a search tree that is not the one its
    points give.
    """
    for thing in _things(estimator):
        kind = f"{type(thing).__module__}.{type(thing).__name__}"
        own = getattr(thing, "__dict__", {})
        if kind == "sklearn.tree._tree.Tree":
            _check_tree(thing)
        elif kind == "sklearn.neighbors._kd_tree.KDTree":
            _check_search_tree(thing)
        elif "tree_" in own:
            _require(own["tree_"].n_features == own["n_features_in_"], "a tree takes other features than its model")
        elif "_predictors" in own:
            _check_histograms(own)
        elif "estimators_" in own:
            _check_parts(own)
        elif "_dual_coef_" in own:
            _check_vectors(own)


def _require(sound: Any, otherwise: str) -> None:
    if not sound:
        raise ValueError(otherwise)


def _check_tree(tree: Any) -> None:
    _require(tree.node_count <= tree.capacity, "a tree has fewer nodes than it says")
    inner = np.asarray(tree.children_left) != -1
    _check_children(tree.children_left, tree.children_right, ~inner)
    features = np.asarray(tree.feature)[inner]
    _require(((features >= 0) & (features < tree.n_features)).all(), "a tree asks for a feature that does not exist")


def _check_children(left: Any, right: Any, leaf: Any) -> None:
    """Children come after their parent and before the end, so following them ends."""
    _require(len(left) > 0, "a tree has no node")
    places = np.arange(len(left))
    for child in (np.asarray(left).astype(np.int64), np.asarray(right).astype(np.int64)):
        _require((leaf | ((child > places) & (child < len(places)))).all(), "a tree points outside itself")


def _check_histograms(own: dict[str, Any]) -> None:
    """A histogram booster. Its categorical splits are not kept, so there are none."""
    for round_ in own["_predictors"]:
        for predictor in round_:
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            _check_children(nodes["left"], nodes["right"], leaf)
            missing = (nodes["feature_idx"][~leaf] >= own["n_features_in_"]).any()
            _require(not missing, "a tree asks for a feature that does not exist")
            _require(not nodes["is_categorical"].any(), "a tree asks for a set of categories that does not exist")


def _check_parts(own: dict[str, Any]) -> None:
    """A forest or a booster hands its rows to its trees' insides, without their own check of the width."""
    parts, wide = own["estimators_"], own.get("n_features_in_", 0)
    if isinstance(parts, np.ndarray):
        if "n_trees_per_iteration_" in own:
            fits = parts.ndim == 2 and parts.shape[1] == own["n_trees_per_iteration_"]
            _require(fits, "a booster has more trees in a round than it says")
        parts = parts.ravel().tolist()
    chosen = own.get("estimators_features_")
    for place, part in enumerate(parts):
        tree = getattr(part, "__dict__", {}).get("tree_")
        if tree is not None:
            takes = wide if chosen is None else len(chosen[place])
            _require(tree.n_features == takes <= wide, "a tree takes other features than its model")


def _check_vectors(own: dict[str, Any]) -> None:
    vectors, weights, counts = own["support_vectors_"], own["_dual_coef_"], own["_n_support"]
    classes = len(counts) if "classes_" in own else 2
    pairs = classes * (classes - 1) // 2
    _require(
        weights.shape == (classes - 1, len(vectors))
        and vectors.shape[1] == own["n_features_in_"] == own["shape_fit_"][1]
        and own["_intercept_"].size == pairs
        and own["_probA"].size == own["_probB"].size
        and own["_probA"].size in (0, pairs)
        and ("classes_" not in own or counts.sum() == len(vectors)),
        "the parts of a support vector machine do not fit together",
    )


def _check_search_tree(tree: Any) -> None:
    """Its indices are right if building it again gives them."""
    data, *kept = tree.__getstate__()
    again = type(tree)(np.array(data), leaf_size=kept[3]).__getstate__()[1:]
    same = all(np.array_equal(one, other) for one, other in zip(kept[:7], again[:7], strict=True))
    _require(same, "a search tree is not the one of its points")


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
