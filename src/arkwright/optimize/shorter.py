"""Smaller twins of a graph: a tree ensemble with fewer trees, a network with its weights in 8 bits.

Only what a graph can use is offered. Rounding the numbers of a tree to 8 bits is meaningless (a threshold is compared,
not multiplied), so an ensemble is made shorter and a network narrower, never the other way round.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SMALLEST_WEIGHTS = 64 * 1024  # bytes of weights below which 8 bits save nothing worth an answer that changes


def twins(model: Any, estimator: Any) -> Iterator[tuple[str, Any]]:
    """(name, onnx.ModelProto) of each twin that the estimator's graph allows. None is assumed to be good: measure."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    mean = type(last).__module__ == "sklearn.ensemble._forest"
    for share, name in ((2, "half the trees"), (4, "a quarter of the trees")):
        made = _fewer_trees(model, share, mean=mean)
        if made is not None:
            yield name, made
    made = _int8(model)
    if made is not None:
        yield "8-bit weights", made


def _fewer_trees(model: Any, share: int, *, mean: bool) -> Any:
    """The first 1/share of the trees of a boosted ensemble, or of a forest, whose votes then count `share` times."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    nodes = [node for node in made.graph.node if node.op_type in ("TreeEnsembleClassifier", "TreeEnsembleRegressor")]
    cut = [_cut(node, share, mean=mean) for node in nodes]
    return made if any(cut) else None


def _cut(node: Any, share: int, *, mean: bool) -> bool:
    attributes = {a.name: a for a in node.attribute}
    kind = "class" if node.op_type == "TreeEnsembleClassifier" else "target"
    trees = list(attributes["nodes_treeids"].ints)
    owners = list(attributes[f"{kind}_treeids"].ints)
    outputs = len(set(attributes[f"{kind}_ids"].ints))
    total = len(set(trees))
    turns = outputs if _one_class_each(owners, list(attributes[f"{kind}_ids"].ints)) else 1
    kept = total // turns // share * turns  # a boosted model of k classes adds k trees in each turn
    if kept == 0 or sorted(set(trees)) != list(range(total)):
        return False
    for prefix, ids in (("nodes_", trees), (f"{kind}_", owners)):
        for name, attribute in attributes.items():
            if name.startswith(prefix):
                _keep(attribute, [place for place, tree in enumerate(ids) if tree < kept])
    if mean:
        weights = attributes[f"{kind}_weights"]
        weights.floats[:] = [w * total / kept for w in weights.floats]
    return True


def _one_class_each(owners: list[int], ids: list[int]) -> bool:
    """Whether every tree speaks for one class only, as in boosting with several classes."""
    seen: dict[int, int] = {}
    return all(seen.setdefault(tree, cls) == cls for tree, cls in zip(owners, ids, strict=True))


def _keep(attribute: Any, places: list[int]) -> None:
    for values in (attribute.ints, attribute.floats, attribute.strings):
        if len(values):
            values[:] = [values[place] for place in places]


def _int8(model: Any) -> Any:
    """Weights of matrix products in 8 bits, the activations quantised as they come (dynamic quantisation)."""
    import onnx
    from onnx import numpy_helper

    products = {name for node in model.graph.node if node.op_type in ("MatMul", "Gemm") for name in node.input}
    weights = [t for t in model.graph.initializer if t.name in products and t.data_type == onnx.TensorProto.FLOAT]
    if sum(numpy_helper.to_array(t).nbytes for t in weights if len(t.dims) == 2) < _SMALLEST_WEIGHTS:
        return None
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
        onnx.save(model, before)
        quantize_dynamic(before, after, weight_type=QuantType.QInt8, per_channel=True)
        return onnx.load(after)
