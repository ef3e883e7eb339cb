import contextlib
import random

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from tests.release.conftest import linear

from arkwright.core import onnx_guard
from arkwright.core.errors import Invalid, Refused
from arkwright.core.onnx_guard import check


@pytest.fixture
def put(tmp_path):
    def write(model):
        path = tmp_path / "m.onnx"
        path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return path

    return write


def external(**fields):
    tensor = TensorProto(name="e", data_type=TensorProto.FLOAT, dims=[2], **fields)
    for key, value in {"location": "../../etc/passwd", "offset": "0"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return tensor


def sparse():
    values = numpy_helper.from_array(np.ones(1, "f4"), "s")
    return helper.make_sparse_tensor(values, numpy_helper.from_array(np.zeros(1, "i8"), "i"), [2**40])


def nested(depth):
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "b", [], [])
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
        body = helper.make_graph([node], "b", [], [])
    return body.node


def with_function():
    model = linear()
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(helper.make_function("mine", "F", ["a"], ["b"], [node], [helper.make_opsetid("", 18)]))
    return model


def with_training():
    model = linear()
    model.training_info.add()
    return model


REFUSED = {
    "external data": lambda: linear(tensors=[external(data_location=TensorProto.EXTERNAL)]),
    "external data, unmarked": lambda: linear(tensors=[external(raw_data=b"12345678")]),
    "external location only": lambda: linear(tensors=[TensorProto(name="e", dims=[0], data_location=1)]),
    "external data in a constant": lambda: linear(nodes=[helper.make_node("Constant", [], ["y"], value=external())]),
    "external data in a branch": lambda: linear(
        nodes=[
            helper.make_node(
                "If",
                ["x"],
                ["y"],
                then_branch=helper.make_graph([], "t", [], [], [external()]),
                else_branch=helper.make_graph([], "e", [], []),
            )
        ]
    ),
    "a custom operator": lambda: linear(nodes=[helper.make_node("Evil", ["x"], ["y"], domain="my.ops")]),
    "a custom operator in a branch": lambda: linear(
        nodes=[
            helper.make_node(
                "If",
                ["x"],
                ["y"],
                then_branch=helper.make_graph([helper.make_node("Evil", [], ["y"], domain="e")], "t", [], []),
                else_branch=helper.make_graph([], "e", [], []),
            )
        ]
    ),
    "a loop": lambda: linear(nodes=[helper.make_node("Loop", ["x"], ["y"], body=helper.make_graph([], "b", [], []))]),
    "deep nesting": lambda: linear(nodes=nested(17)),
    "functions": with_function,
    "training": with_training,
    "sparse tensors": lambda: linear(nodes=[helper.make_node("Constant", [], ["y"], sparse_value=sparse())]),
    "a claim of 2**40": lambda: linear(tensors=[TensorProto(name="t", data_type=1, dims=[2**40])]),
    "a claim of 2 GiB": lambda: linear(tensors=[TensorProto(name="t", data_type=1, dims=[2**29], raw_data=b"1234")]),
    "an overflowing claim": lambda: linear(tensors=[TensorProto(name="t", data_type=1, dims=[2**31 - 1] * 40)]),
    "a negative size": lambda: linear(tensors=[TensorProto(name="t", data_type=1, dims=[-1], raw_data=b"1234")]),
    "a negative input": lambda: linear(shape=[-1, 2]),
    "a huge input": lambda: linear(shape=[2**40, 2]),
    "many nodes": lambda: linear(nodes=[helper.make_node("Identity", ["x"], ["y"])] * 50_001),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_release_may_hold(put, what):
    with pytest.raises(Refused, match=r"^m\.onnx: "):
        check(put(REFUSED[what]()))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x80\x04\x95\x00", b"PK\x03\x04", b"\x08\x08", b"{}", b"\xff" * 100, b"\x3a\xff\xff\xff\xff\x0f",
     b"\x08" + b"\x80" * 11, b"\x0b\x0c", linear().SerializeToString() * 2],
)  # fmt: skip
def test_what_is_no_model(put, data):
    with pytest.raises(Invalid):
        check(put(data))


def test_too_large_a_file(put):
    with pytest.raises(Invalid, match="1 to 10"):
        check(put(linear()), largest=10)


def tensors():
    for kind in ("f4", "f8", "i4", "i8", "u1", "?", "f2"):
        yield numpy_helper.from_array(np.ones((3, 5), kind), f"r{kind}")
    yield numpy_helper.from_array(np.array(["a", ""], object), "s")
    yield numpy_helper.from_array(np.array(1.5, "f4"), "scalar")
    yield numpy_helper.from_array(np.zeros((0, 4), "f4"), "empty")
    for kind, values in {
        TensorProto.FLOAT: [0.0] * 6,
        TensorProto.INT64: [-1, 0, 2**62] * 2,
        TensorProto.INT32: [0] * 6,
        TensorProto.DOUBLE: [1.0] * 6,
        TensorProto.STRING: [b""] * 6,
        TensorProto.INT4: [1] * 6,
    }.items():
        yield helper.make_tensor(f"t{kind}", kind, [2, 3], values)


def test_honest_models_pass(put):
    check(put(linear()))
    check(put(linear(tensors=list(tensors()))))
    check(put(linear(nodes=nested(10), shape=["n", 2])))
    check(put(linear(nodes=[helper.make_node("Attention", ["x"], ["y"], domain="com.microsoft")])))


def test_what_the_libraries_export_passes(put):
    lightgbm = pytest.importorskip("lightgbm")
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chance = np.random.default_rng(0)
    rows = chance.normal(size=(300, 4)).astype("f4")
    truth = (rows[:, 0] > rows[:, 1]).astype(int)
    for model in (make_pipeline(StandardScaler(), LogisticRegression()), KNeighborsClassifier()):
        check(put(to_onnx(model.fit(rows, truth), rows[:1])))
    trees = lightgbm.LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1).fit(rows, truth)
    converted = onnxmltools.convert_lightgbm(trees, initial_types=[("x", FloatTensorType([None, 4]))])
    check(put(converted))


def test_cut_anywhere_it_is_no_model_or_still_harmless(put):
    data = linear(tensors=list(tensors())).SerializeToString()
    for cut in range(len(data)):
        try:
            check(put(data[:cut] or b"\x00"))
        except (Invalid, Refused):
            continue
        onnx.load_from_string(data[:cut])  # whatever passes is a whole message to protobuf too


def test_bent_bytes_never_crash_it(put):
    good, chance = linear(nodes=nested(3), tensors=list(tensors())).SerializeToString(), random.Random(5)
    for _ in range(500):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            check(put(bytes(data)))
        except (Invalid, Refused):
            continue


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=200))
def test_any_bytes_are_answered(data):
    with contextlib.suppress(Invalid, Refused):
        onnx_guard._Guard().model(memoryview(data))


PIECES = st.sampled_from(
    (b"\x3d", b"\x40", b"\x4a", b"\x4a\x04LEAF", b"\x4a\x00", b"\x2a\x02\x70\x01", b"\xb2\x01\x00")
)


@settings(deadline=None)
@given(st.lists(PIECES | st.binary(max_size=20), max_size=12).map(b"".join))
def test_skipping_lists_changes_nothing(data):
    def found():
        try:
            onnx_guard._Guard().attribute(memoryview(data), 0)
        except (Invalid, Refused) as error:
            return str(error)

    with pytest.MonkeyPatch.context() as without:
        without.setattr(onnx_guard, "_LISTS", None)
        expected = found()
    assert found() == expected


def test_lists_are_skipped_and_what_stands_behind_is_seen(put):
    words = ["BRANCH_LEQ", "LEAF", "", "\n", "a long word, as no tree has", "x" * 200]
    numbers = {"floats": [1.5] * 5000, "ints": [-1, 2**40, 0] * 2000, "strings": words * 500}
    node = helper.make_node("Constant", [], ["y"], **numbers)
    check(put(linear(nodes=[node])))
    node.attribute.append(helper.make_attribute("value", external()))
    for attribute in node.attribute:
        attribute.floats.extend([3.0] * 10)
    with pytest.raises(Refused, match="other files"):
        check(put(linear(nodes=[node])))
    attribute = helper.make_attribute("a", [1.0, 2.0])
    attribute.t.CopyFrom(external())
    mixed = helper.make_node("Constant", [], ["y"])
    mixed.attribute.append(attribute)
    with pytest.raises(Refused, match="other files"):
        check(put(linear(nodes=[mixed])))
