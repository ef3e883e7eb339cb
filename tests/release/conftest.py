import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from arkwright.core.nouns import Column, Finding, Gate
from arkwright.core.signature import Features, Signature, Tensor
from arkwright.release.facts import Card, Group, Lineage, Made, Origin

CODE = {"flights.py": b"def features(x):\n    return x\n"}


def linear(**changed):
    """x (rows, 2) -> y (rows, 1)."""
    weights = numpy_helper.from_array(np.ones((2, 1), "f4"), "w")
    nodes = changed.pop("nodes", [helper.make_node("MatMul", ["x", "w"], ["y"])])
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, changed.pop("shape", [None, 2]))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [weights, *changed.pop("tensors", [])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], **changed)


@pytest.fixture
def onnx_file(tmp_path):
    path = tmp_path / "made.onnx"
    path.write_bytes(linear().SerializeToString())
    return path


@pytest.fixture
def facts(onnx_file, tmp_path):
    """What `candidate.build` asks for, whole."""
    reference = tmp_path / "judged.msgpack"
    reference.write_bytes(b"counts")
    signature = Signature(
        model="late",
        task="classification",
        target="late",
        columns=(Column(name="distance", type="float"), Column(name="carrier", type="str", nullable=True)),
        inputs=(Tensor(name="x", datatype="FP32", columns=("a", "b")),),
        outputs=(Tensor(name="y", datatype="FP32"),),
        classes=(False, True),
        features=Features(file="code/flights.py", function="features", takes="polars"),
    )
    gate = Gate(name="production", promises=("roc_auc >= 0.7", "size_mb <= 5"), signed_by=("owner", "operations"))
    common = {"digest": "a" * 64, "run": "run:flights@9"}
    findings = [
        Finding(subject="dataset:departures@3", promise="rows >= 300000", verdict="kept", value=327346.0, **common),
        Finding(
            subject="model:late@7", promise="roc_auc >= 0.7", verdict="kept", value=0.713, low=0.705, high=0.721,
            n=84194, **common,
        ),
    ]  # fmt: skip
    lineage = Lineage(
        project="flights",
        seed=7,
        code={"flights.py": "c" * 64},
        engines={"arkwright": "0.1.0", "numpy": "2.4.6", "scikit-learn": "1.9.1"},
        data={"departures": Origin(digest="d" * 64, rows=327346, recipe="e" * 64)},
        model=Made(digest="f" * 64, recipe="b" * 64),
        hardware={"machine": "x86_64"},
    )
    card = Card(
        owner="ops-ml@airport.example",
        purpose="Warn the gate that a flight will be late",
        risk="limited",
        license="apache-2.0",
        training="Gradient boosting on the first three quarters",
        limits=("Not for flights of other airports",),
        tags=("flights",),
        groups=(
            Group(column="carrier", group="UA", rows=900, values={"recall": 0.41}),
            Group(column="carrier", group="O|O", rows=20, values={"recall": 0.1}),
        ),
    )
    return {
        "model": onnx_file, "signature": signature, "gate": gate, "findings": findings, "lineage": lineage,
        "card": card, "code": CODE, "reference": reference,
    }  # fmt: skip
