"""An ensemble of trees in place of its session, once both have given the same answers."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from arkwright.serve.model.tensors import Array, Tensors
from arkwright.serve.model.trees.laid import laid
from arkwright.serve.model.trees.read import CLASSIFIER, Ensemble, ensemble
from arkwright.serve.native import native

log = logging.getLogger("arkwright.serve")
_TRIED = (1, 2, 16, 200)  # rows at once: a runtime adds up few in another way than many
Run = Callable[[Tensors], Tensors]


def forest(data: bytes, widths: Mapping[str, int | None], run: Run) -> "Forest | None":
    """What gives for the graph in `data` the same as `run`, only faster; None where there is no such thing.

    `widths`: how many floats a row of each input has, None where it is not a row of floats.
    """
    found = ensemble(data) if native is not None else None
    width = widths.get(found.given) if found is not None and len(widths) == 1 else None
    if found is None or width is None:
        return None
    try:
        made = Forest(found, width)
        same = all(_same(run, made, found.given, rows) for rows in _rows(found, width))
    except Exception as error:  # noqa: BLE001 - onnxruntime has no public class for its errors
        log.debug("its trees are left to ONNX Runtime: %s", error)
        return None
    if not same:
        log.info("its trees are left to ONNX Runtime, which answers otherwise than `native`")
    return made if same else None


class Forest:
    """The trees of one graph; as often as not its whole work."""

    def __init__(self, found: Ensemble, width: int) -> None:
        """Raises ValueError, KeyError or IndexError for what is computed in another way than here."""
        given = found.attributes
        self._given, self._width, self._outputs = found.given, width, found.outputs
        if given.get("aggregate_function", b"SUM") != b"SUM" or given.get("n_targets", 1) != 1:
            raise ValueError("weights are added up for one target")
        base = given.get("base_values", np.zeros(1, np.float32))
        if base.shape != (1,) or not np.isfinite(base[0]):
            raise ValueError("one number to begin with")
        self._base = base[0]
        self._labels = given["classlabels_int64s"] if found.operator == CLASSIFIER else np.zeros(0, np.int64)
        post = b"LOGISTIC" if found.operator == CLASSIFIER else b"NONE"
        if given.get("post_transform", b"NONE") != post or len(self._labels) != 2 * (found.operator == CLASSIFIER):
            raise ValueError("two classes by a logistic function, or a number")
        if len(self._labels) and not (given["class_weights"] < 0).any():
            raise ValueError("of sums that are never negative a runtime takes the label by another rule")
        self._run: Any = laid(found, width).run

    def __call__(self, inputs: Tensors) -> Tensors:
        rows = inputs[self._given]
        if rows.ndim != 2 or rows.shape[1] != self._width or rows.dtype != np.float32:
            raise ValueError(f"rows of {self._width} floats are needed, not {rows.shape} of {rows.dtype}")
        sums = np.frombuffer(self._run(np.ascontiguousarray(rows)), np.float32) + self._base
        if not len(self._labels):
            return {self._outputs[0]: sums.reshape(-1, 1)}
        chances = np.frombuffer(native.logistic(sums), np.float32).reshape(-1, 2)
        return {self._outputs[0]: self._labels[(sums > 0).astype(np.int8)], self._outputs[1]: chances}


def _rows(found: Ensemble, width: int) -> list[Array]:
    """Rows (n, width) on both sides of what nodes ask, right at it, and where numbers are missing or have no end."""
    values, features = found.attributes["nodes_values"], found.attributes["nodes_featureids"]
    odd = np.array([0, -0.0, 1e30, np.nan, np.inf, -np.inf], np.float32)
    many = max(_TRIED)
    rows = _chosen(np.concatenate([values, odd]), many * width, 0).reshape(many, width)
    for feature in range(width):
        own = values[features == feature]
        if len(own):
            beside = _chosen(np.array([0, 0, 1e-3, -1e-3], np.float32), many, 2 * feature + 1)
            near = _chosen(own, many, 2 * feature + 2) + beside
            rows[:, feature] = np.where(np.arange(many) % 10 != feature % 10, near, rows[:, feature])
    return [rows[:some] for some in _TRIED]


def _chosen(among: Array, many: int, salt: int) -> Array:
    """So many of them as if at random, each time the same: numpy's generators would be another 10 ms of imports."""
    mixed = (np.arange(many, dtype=np.uint64) + np.uint64(salt << 32)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ mixed >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
    chosen: Array = among[(mixed >> np.uint64(32)).astype(np.int64) % len(among)]
    return chosen


def _same(run: Run, made: Run, given: str, rows: Array) -> bool:
    first, second = run({given: rows}), made({given: rows})
    return [*first] == [*second] and all(
        one.dtype == second[name].dtype and one.shape == second[name].shape and one.tobytes() == second[name].tobytes()
        for name, one in first.items()
    )
