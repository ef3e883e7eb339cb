"""Smaller twins of a graph: a tree ensemble with fewer trees, a network with its weights in 8 bits.

Only what a graph can use is offered. Rounding the numbers of a tree to 8 bits is meaningless (a threshold is compared,
not multiplied), so an ensemble is made shorter and a network narrower, never the other way round.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

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
    """Weights of matrix products in 8 bits, a scale for each column; a session widens them as it is made.

    Activations stay as they are: to find their scale as they come (dynamic quantisation) would make the answer to a
    row depend on the rows beside it.
    """
    import onnx
    from onnx import helper, numpy_helper

    weights = {t.name: t for t in _weights(model)}
    if sum(numpy_helper.to_array(t).nbytes for t in weights.values()) < _SMALLEST_WEIGHTS:
        return None
    made = onnx.ModelProto()
    made.CopyFrom(model)
    kept = [t for t in made.graph.initializer if t.name not in weights]
    wider = []
    for name, tensor in weights.items():
        table = numpy_helper.to_array(tensor)
        scale = np.abs(table).max(axis=0) / 127
        scale[scale == 0] = 1
        whole = np.rint(table / scale).astype(np.int8)
        kept += [numpy_helper.from_array(whole, f"{name}_8"), numpy_helper.from_array(scale, f"{name}_scale")]
        wider.append(helper.make_node("DequantizeLinear", [f"{name}_8", f"{name}_scale"], [name], axis=1))
    del made.graph.initializer[:]
    made.graph.initializer.extend(kept)
    nodes = [*wider, *made.graph.node]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made if _per_column(made) else None


def _weights(model: Any) -> list[Any]:
    """Tables of single floats that are multiplied by, and used for nothing else."""
    import onnx

    right = {node.input[1] for node in model.graph.node if node.op_type in ("MatMul", "Gemm")}
    others = {name for node in model.graph.node for i, name in enumerate(node.input) if i != 1 or name not in right}
    names = right - others - {output.name for output in model.graph.output}
    single = onnx.TensorProto.FLOAT
    return [t for t in model.graph.initializer if t.name in names and t.data_type == single and len(t.dims) == 2]


def _per_column(model: Any) -> bool:
    """Whether its operators are new enough to have a scale for each column: from opset 13 on."""
    return any(opset.domain in ("", "ai.onnx") and opset.version >= 13 for opset in model.opset_import)
