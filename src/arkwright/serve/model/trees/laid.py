"""How an ensemble's nodes are laid out for `native`: tree by tree, the children of a node beside each other."""

from typing import Any

import numpy as np

from arkwright.serve.model.tensors import Array
from arkwright.serve.model.trees.read import Ensemble
from arkwright.serve.native import native

_NODE = np.dtype([("most", "<f4"), ("left", "<u2"), ("feature", "<u2")])
_OF_NODES = [
    f"nodes_{name}" for name in ("treeids", "modes", "nodeids", "truenodeids", "falsenodeids", "values", "featureids")
]
_MOST = 2**16 - 1  # nodes of a tree, and features
_DEEPEST = 64  # levels below a root: walks that go on together wait for the longest, so deep trees are slower here


def laid(found: Ensemble, width: int) -> Any:
    """`native.Trees` for rows of so many features. Raises ValueError or KeyError for what it cannot have."""
    given = found.attributes
    tree, modes = given["nodes_treeids"], np.frombuffer(given["nodes_modes"], "S1")
    starts = np.flatnonzero(np.diff(tree, prepend=tree[0] - 1))
    sizes = np.diff(starts, append=len(tree))
    begin = np.repeat(starts, sizes)  # of each node's tree
    if not np.array_equal(given["nodes_nodeids"], np.arange(len(tree)) - begin) or len(set(tree[starts])) < len(starts):
        raise ValueError("nodes are counted in each tree")
    if tree.min() < 0 or tree.max() >= 2**31:
        raise ValueError("a runtime knows a tree by a number that is an int")
    if sizes.max() > _MOST or width > _MOST:
        raise ValueError("too large")
    leaf = modes == b"l"
    if len({len(given[name]) for name in _OF_NODES}) > 1:
        raise ValueError("every node has everything")
    children = np.stack([given["nodes_truenodeids"], given["nodes_falsenodeids"]])
    if ((children < 0) | (children >= np.repeat(sizes, sizes)))[:, ~leaf].any():
        raise ValueError("a child is in its tree")
    children = children + begin
    place, left = _places(starts, children, leaf)
    missing = given.get("nodes_missing_value_tracks_true", np.zeros(len(tree), np.int64))
    if len(missing) != len(tree) or ((missing != 0) & (missing != 1)).any():
        raise ValueError("of every node it is said whether what is missing goes left")
    nodes = np.zeros(len(tree), _NODE)
    nodes["most"][place] = np.where(leaf, np.inf, _most(given["nodes_values"], modes))
    nodes["left"][place] = left
    nodes["feature"][place] = _features(given["nodes_featureids"], leaf, width)
    weights, goes_left = np.zeros(len(tree), "<f4"), np.zeros(len(tree), np.uint8)
    weights[place] = _weights(given, starts, tree, leaf)
    goes_left[place] = leaf | (missing != 0)
    return native.Trees(nodes.tobytes(), weights.tobytes(), goes_left.tobytes(), starts.astype("<u4").tobytes(), width)


def _places(starts: Array, children: Array, leaf: Array) -> tuple[Array, Array]:
    """Where each node goes, and, counted from its root, where its left child does; a leaf is its own."""
    place, left = np.full(leaf.shape, -1), np.zeros(leaf.shape, np.int64)
    tree = np.arange(len(starts))  # of each node of a level
    level, inner = starts, np.zeros(len(starts), np.int64)  # and how many of its tree's nodes have children so far
    place[level] = starts
    depth = 0
    while len(level):
        if (depth := depth + 1) > _DEEPEST + 1:
            raise ValueError("too deep")
        parents, of = level[~leaf[level]], tree[~leaf[level]]
        rank = inner[of] + np.arange(len(of)) - np.searchsorted(of, of)
        left[parents] = 1 + 2 * rank
        level, tree = children[:, parents].T.reshape(-1), np.repeat(of, 2)
        # np.unique would import masked arrays first
        if (place[level] >= 0).any() or (np.diff(np.sort(level)) == 0).any():
            raise ValueError("a node has one parent")
        place[level] = starts[tree] + np.stack([1 + 2 * rank, 2 + 2 * rank]).T.reshape(-1)
        inner = inner + np.bincount(of, minlength=len(starts))
    if (place < 0).any():
        raise ValueError("a node has a parent")
    own = place - np.repeat(starts, np.diff(starts, append=len(leaf)))
    return place, np.where(leaf, own, left)


def _most(values: Array, modes: Array) -> Array:
    """The largest number that goes left: below `x` are those up to the one before it."""
    if np.isnan(values).any() or (np.isneginf(values) & (modes == b"t")).any():
        raise ValueError("no number is below that")
    return np.where(modes == b"t", np.nextafter(values, np.float32(-np.inf)), values)


def _features(features: Array, leaf: Array, width: int) -> Array:
    features = np.where(leaf, 0, features)
    if ((features < 0) | (features >= width)).any():
        raise ValueError("a feature is a row's")
    return features


def _weights(given: dict[str, Any], starts: Array, tree: Array, leaf: Array) -> Array:
    """Of each node: a leaf has one, for the one target that there is."""
    kind = "target" if "target_weights" in given else "class"
    order, asked = np.argsort(tree[starts]), given[f"{kind}_treeids"]
    ranks = np.searchsorted(tree[starts], asked, sorter=order).clip(max=len(starts) - 1)
    at = starts[order[ranks]] + given[f"{kind}_nodeids"]
    if (
        (tree[at % len(tree)] != asked).any()
        or not np.array_equal(np.sort(at), np.flatnonzero(leaf))
        or given[f"{kind}_ids"].any()
    ):
        raise ValueError("a leaf has one weight, for the first target")
    if not np.isfinite(given[f"{kind}_weights"]).all():
        raise ValueError("a weight is a number")
    weights = np.zeros(len(leaf), np.float32)
    weights[at] = given[f"{kind}_weights"]
    return weights
