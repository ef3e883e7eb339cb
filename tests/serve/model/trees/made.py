"""Ensembles that are made up, as ONNX."""

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper

WIDTH = 5


def grown(random, most):
    """One tree: (feature, threshold, left, right) for each node, or None for a leaf; the root is the first."""
    nodes = [None]
    leaves = [0]
    while leaves and len(nodes) < most:
        at = leaves.pop(int(random.integers(len(leaves))))
        nodes[at] = (int(random.integers(WIDTH)), float(np.float32(random.normal())), len(nodes), len(nodes) + 1)
        leaves += [len(nodes), len(nodes) + 1]
        nodes += [None, None]
    return nodes


def attributes(random, trees, *, mode="BRANCH_LEQ", kind="target"):
    """Of a node that has these trees, with weights of either sign."""
    names = ("treeids", "nodeids", "featureids", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")
    found = {f"nodes_{name}": [] for name in (*names, "modes")} | {
        f"{kind}_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")
    }
    for tree, nodes in enumerate(trees):
        for at, node in enumerate(nodes):
            feature, value, left, right = node or (0, 0.0, 0, 0)
            values = (tree, at, feature, value, left, right, int(random.integers(2)))
            for name, one in zip(names, values, strict=True):
                found[f"nodes_{name}"].append(one)
            found["nodes_modes"].append(mode if node else "LEAF")
            if node is None:
                for name, one in (("treeids", tree), ("nodeids", at), ("ids", 0), ("weights", float(random.normal()))):
                    found[f"{kind}_{name}"].append(one)
    return found


def regressor(given, *, outputs=1, more=()):
    """The bytes of a model of that alone."""
    node = helper.make_node(
        "TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml",
        **{"n_targets": outputs, "post_transform": "NONE", **given},
    )  # fmt: skip
    return model([node, *more], [("y", TensorProto.FLOAT, [None, outputs])])


def classifier(given):
    ids = {name.replace("target", "class"): value for name, value in given.items()}
    node = helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "chances"], domain="ai.onnx.ml",
        **{"classlabels_int64s": [3, 7], "post_transform": "LOGISTIC", **ids},
    )  # fmt: skip
    outputs = [("label", TensorProto.INT64, [None]), ("chances", TensorProto.FLOAT, [None, 2])]
    return model([node], outputs)


def model(nodes, outputs):
    graph = helper.make_graph(
        nodes, "trees", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])],
        [helper.make_tensor_value_info(*one) for one in outputs],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    made.ir_version = 9
    return made.SerializeToString()


def runtime(data):
    """How ONNX Runtime answers for a model, on one thread."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = ort.InferenceSession(data, options)
    names = [one.name for one in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))
