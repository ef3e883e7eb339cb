"""A graph that would answer a row otherwise beside others: each row is computed by itself, on every road."""

import asyncio

import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto
from tests.serve.conftest import (
    DIGEST,
    ECHO,
    Live,
    constant,
    echo_release,
    helper,
    late_release,
    proto,
    value,
    write,
)
from tritonclient.grpc import service_pb2

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.grpc.door import AppDoor
from arkwright.serve.grpc.service import Service
from arkwright.serve.model.loaded import load
from arkwright.serve.processes.server import Server
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import Problem, Request

ARROW = "application/vnd.apache.arrow.stream"
X = np.array([[1.0, 0.5], [100_000.0, -1.0], [0.25, -0.5], [0.0, 2.0]], np.float32)
Z = np.array([[0.0], [1.0], [2.0], [3.0]], np.float32)


def narrow(folder, *, more=0):
    """y = x, rounded to 255 steps between the least and the greatest of a run, + z; and so many rows of zeros behind.

    Beside 100,000 all of the others are 0.
    """
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("Add", ["d", "z"], ["sum"]),
        helper.make_node("Concat", ["sum", "more"], ["y"], axis=0),
    ]
    inputs = [value("x", TensorProto.FLOAT, ["n", 2]), value("z", TensorProto.FLOAT, ["n", 1])]
    model = proto(
        inputs, [value("y", TensorProto.FLOAT, ["m", 2])], nodes, [constant("more", np.zeros((more, 2), np.float32))]
    )
    signature = Signature(
        model="narrow",
        task="regression",
        target="t",
        columns=tuple(Column(name=name, type="float") for name in ("a", "b", "z")),
        inputs=(
            Tensor(name="x", datatype="FP32", columns=("a", "b")),
            Tensor(name="z", datatype="FP32", columns=("z",)),
        ),
        outputs=(Tensor(name="y", datatype="FP32"),),
    )
    return load(write(folder, signature, model), endpoint="narrow", release="release:narrow@1", digest=DIGEST)


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    with Live([narrow(tmp_path_factory.mktemp("narrow"))]) as live:
        yield live


def tensors(x, z):
    return [
        {"name": name, "datatype": "FP32", "shape": list(array.shape), "data": array.ravel().tolist()}
        for name, array in (("x", x), ("z", z))
    ]


def infer(live, x, z):
    return live.post("/v2/models/narrow/infer", {"inputs": tensors(x, z)})


def found(answer):
    (output,) = answer["outputs"]
    return np.reshape(output["data"], output["shape"])


def close(y):
    np.testing.assert_allclose(np.delete(y, 1, axis=0), np.delete(X + Z, 1, axis=0), atol=0.01)


def test_different_numbers_of_rows_are_refused(live):
    status, answer = infer(live, X, Z)
    assert status == 200
    close(found(answer))
    for x, z in ((X, Z[:2]), (X[:2], Z), (X[:1], Z)):
        assert infer(live, x, z) == (400, {"error": "the inputs have different numbers of rows"})


def test_a_frame(live):
    sink = pa.BufferOutputStream()
    table = pa.table({"a": X[:, 0].astype(float), "b": X[:, 1].astype(float), "z": Z[:, 0].astype(float)})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    status, _, answer = live.call("POST", "/predict", body, {"Content-Type": ARROW})
    assert status == 200
    close([one["value"] for one in answer["predictions"]])


def test_over_grpc(tmp_path):
    def asked(x, z):
        told = service_pb2.ModelInferRequest(model_name="narrow")
        for name, array in (("x", x), ("z", z)):
            told.inputs.add(name=name, datatype="FP32", shape=array.shape)
            told.raw_input_contents.append(array.tobytes())
        return told.SerializeToString()

    async def answers():
        server, limits = Server(Limits()), Limits()
        server.app.install({"narrow": Route("narrow", [(Lane(narrow(tmp_path), limits), 1.0)])})
        service = Service(AppDoor(server.app), limits.body)
        with pytest.raises(Problem, match="the inputs have different numbers of rows"):
            await service.infer(asked(X, Z[:2]), Request("POST", "", {}, b""), None)
        both = (service.infer(asked(x, z), Request("POST", "", {}, b""), None) for x, z in ((X, Z), (X[1:3], Z[1:3])))
        return [service_pb2.ModelInferResponse.FromString(one) for one in await asyncio.gather(*both)]

    whole, part = (
        np.frombuffer(one.raw_output_contents[0], np.float32).reshape(one.outputs[0].shape)
        for one in asyncio.run(answers())
    )
    close(whole)
    np.testing.assert_array_equal(part, whole[1:3])


def test_where_there_is_no_row_for_each_a_request_is_one_run(tmp_path):
    """As with any other graph; nobody else's rows are in it."""
    with Live([narrow(tmp_path, more=2)]) as live:
        status, answer = infer(live, X[2:], Z[2:])
    assert (status, found(answer).shape) == (200, (4, 2))
    np.testing.assert_allclose(found(answer), np.vstack([X[2:] + Z[2:], np.zeros((2, 2))]), atol=0.01)


def beside(folder, *nodes):
    """y of x (n, 2), as the endpoint `beside`."""
    made = [helper.make_node(*node, **more) for *node, more in nodes]
    ports = [value(name, TensorProto.FLOAT, ["n", 2]) for name in ("x", "y")]
    signature = Signature(
        model="beside",
        task="regression",
        target="t",
        columns=tuple(Column(name=name, type="float") for name in ("a", "b")),
        inputs=(Tensor(name="x", datatype="FP32", columns=("a", "b")),),
        outputs=(Tensor(name="y", datatype="FP32"),),
    )
    folder = write(folder, signature, proto(ports[:1], ports[1:], made))
    return load(folder, endpoint="beside", release="release:beside@1", digest=DIGEST)


MIXING = {
    "shares of all rows": [("Softmax", ["x"], ["y"], {"axis": 0})],
    "against the mean": [("ReduceMean", ["x"], ["m"], {"axes": [0]}), ("Sub", ["x", "m"], ["y"], {})],
}


@pytest.mark.parametrize("nodes", MIXING.values(), ids=list(MIXING))
def test_what_mixes_rows_by_other_means_is_seen_when_it_is_loaded(tmp_path, caplog, nodes):
    loaded = beside(tmp_path, *nodes)
    assert "each row is computed by itself" in caplog.text
    together = loaded.graph.run({"x": X})["y"]
    np.testing.assert_array_equal(together, np.vstack([loaded.graph.run({"x": row[None]})["y"] for row in X]))


def test_what_does_not_is_computed_together(tmp_path, caplog):
    shares = beside(tmp_path / "shares", ("Softmax", ["x"], ["y"], {"axis": 1}))
    every = load(echo_release(tmp_path / "every", list(ECHO)), endpoint="e", release="release:e@1", digest=DIGEST)
    assert [loaded.graph.batches for loaded in (shares, every, late_release(tmp_path / "late"))] == [True] * 3
    assert not caplog.text
