"""Graphs whose rows change each other are found out, also where the rows at hand are too alike to show it."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from arkwright.core.errors import Invalid
from arkwright.optimize import session

FLAGS = np.array([[1, 0], [1, 1], [0, 1]] * 4, np.float32)
PLACES = np.arange(12) % 3
CONSTANTS = {"table": np.array([0.5, 0.25, 0.125], np.float32), "last": np.array([1])}


def run(x, *nodes):
    """y of the graph of x (n, 2), floats, and `at` (n), places in a table of three."""
    inputs = [("x", TensorProto.FLOAT, ["n", 2]), ("at", TensorProto.INT64, ["n"])]
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes],
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(array, name) for name, array in CONSTANTS.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return session.run(model.SerializeToString(), {"x": x, "at": PLACES})["y"]


def test_one_scale_for_flags_is_as_good_as_one_for_each_but_beside_a_row_far_away():
    with pytest.raises(Invalid, match="answers a row otherwise beside others: 'y' of the row 0"):
        run(
            FLAGS,
            ("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
            ("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
            ("Gather", ["table", "at"], ["t"]),
            ("Unsqueeze", ["t", "last"], ["u"]),
            ("Add", ["d", "u"], ["y"]),
        )


def test_who_takes_no_such_row_is_tried_without_it():
    """Its floats are places, too."""
    nodes = [("CastLike", ["x", "at"], ["places"]), ("Gather", ["table", "places"], ["y"])]
    np.testing.assert_array_equal(run(FLAGS, *nodes)[:3], [[0.25, 0.5], [0.25, 0.25], [0.5, 0.25]])


def test_missing_numbers_and_the_largest():
    x = np.array([[np.nan, 3e38], [np.nan, 0], [np.nan, -np.inf]] * 4, np.float32)
    np.testing.assert_array_equal(run(x, ("Identity", ["x"], ["y"])), x)
