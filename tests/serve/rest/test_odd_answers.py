"""A model that answers NaN or infinity: an error in strict JSON that names the row and the output, on every road."""

import json
import logging

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from onnx import TensorProto
from tests.serve.conftest import (
    DIGEST,
    FLIGHTS,
    Live,
    helper,
    late_model,
    late_signature,
    proto,
    value,
    write,
)

from arkwright.core.errors import Invalid
from arkwright.core.nouns import Column
from arkwright.core.safeguards.words import Rule, Seen
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.model.loaded import load
from arkwright.serve.rest.predict import predict_once

ARROW = "application/vnd.apache.arrow.stream"
SAID = "the model answered NaN or Infinity in 'y'"


def logarithm(folder, width, outputs=("y",), classes=()):
    """The logarithm of x, so often: NaN below zero, -Infinity for zero."""
    columns = [f"x{i}" for i in range(width)]
    nodes = [helper.make_node("Log", ["x"], [name]) for name in outputs]
    shape = Signature(
        model="log",
        task="classification" if classes else "regression",
        target="t",
        columns=tuple(Column(name=name, type="float") for name in columns),
        inputs=(Tensor(name="x", datatype="FP32", columns=tuple(columns)),),
        outputs=tuple(Tensor(name=name, datatype="FP32") for name in outputs),
        classes=classes,
    )
    ports = [value(name, TensorProto.FLOAT, ["n", width]) for name in outputs]
    return write(folder, shape, proto([value("x", TensorProto.FLOAT, ["n", width])], ports, nodes))


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    made = {
        "one": logarithm(folder / "one", 1),
        "two": logarithm(folder / "two", 2),
        "named": logarithm(folder / "named", 1, ("z", "y")),
        "classes": logarithm(folder / "classes", 2, classes=(False, True)),
        "guarded": logarithm(folder / "guarded", 1),
    }
    rule = Rule(name="far", when="x0 > 50", answer=1.0)
    (folder / "guarded" / "safeguards.json").write_bytes(msgspec.json.encode((rule,)))
    (folder / "guarded" / "seen.json").write_bytes(msgspec.json.encode(Seen()))
    loaded = [load(at, endpoint=name, release=f"release:{name}@1", digest=DIGEST) for name, at in made.items()]
    with Live(loaded) as live:
        yield live


def rows(width, *values):
    return [{f"x{i}": one for i in range(width)} for one in values]


WIDTHS = {"one": 1, "two": 2, "named": 1, "classes": 2, "guarded": 1}


@pytest.mark.parametrize("odd", [-1.0, 0.0])
@pytest.mark.parametrize(("endpoint", "width"), WIDTHS.items())
def test_rows(logs, endpoint, width, odd):
    path, said = f"/endpoints/{endpoint}/predict", SAID.replace("'y'", "'z'") if endpoint == "named" else SAID
    assert logs.post(path, rows(width, odd)[0]) == (500, {"error": f"$: {said}"})
    assert logs.post(path, rows(width, 1.0, 100.0, 3.0, odd, odd)) == (500, {"error": f"$[3]: {said}"})
    many = rows(width, *[2.0] * 1500, odd, 2.0)
    assert logs.post(path, many) == (500, {"error": f"$[1500]: {said}"})
    assert logs.post(path, rows(width, 1.0, 2.0))[0] == 200


def test_arrow(logs):
    table = pa.table({"x0": [1.0, 2.0, -1.0]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body = sink.getvalue().to_pybytes()
    for headers in ({"Content-Type": ARROW}, {"Content-Type": ARROW, "Accept": ARROW}):
        status, _, said = logs.call("POST", "/endpoints/one/predict", body, headers)
        assert (status, said) == (500, {"error": f"$[2]: {SAID}"})


PICKY = """

def picky(flight: Flight) -> dict:
    if flight.distance == 666:
        raise ERROR("secret")
    return row_features(flight)


class Panic(BaseException):  # as polars raises them
    pass
"""


@pytest.mark.parametrize("error", ["ValueError", "Panic"])
def test_the_row_on_which_the_projects_code_fails_is_named(tmp_path, caplog, error):
    code = FLIGHTS + PICKY.replace("ERROR", error)
    write(tmp_path, late_signature("picky", "row"), late_model(), code)
    one = load(tmp_path, endpoint="late", release="release:late@3", digest=DIGEST)
    said = "picky() failed on this row; the server's log says why"
    good = {"distance": 1.0, "carrier": "AA", "delay": None}
    bad = good | {"distance": 666.0}
    with Live([one]) as live:
        assert live.post("/predict", bad) == (500, {"error": f"$: {said}"})
        assert live.post("/predict", [good] * 3 + [bad]) == (500, {"error": f"$[3]: {said}"})
        assert live.post("/predict", [good] * 1500 + [bad]) == (500, {"error": f"$[1500]: {said}"})
        assert live.post("/predict", [good] * 3)[0] == 200
        logged = "".join(logging.Formatter().format(record) for record in caplog.records)
        assert logged.count(f"{error} (") == 3
        assert "secret" not in logged
    with pytest.raises(Invalid, match=rf"^\$\[1\]: .*{error}: secret$"):
        predict_once(one, msgspec.json.encode([good, bad]))


def test_tensors(logs):
    tensor = {"name": "x", "datatype": "FP32", "shape": [3, 1], "data": [1, 2, -1]}
    status, said = logs.post("/v2/models/one/infer", {"inputs": [tensor]})
    assert (status, said["error"]) == (
        500,
        "row 2 of the output 'y' holds NaN or Infinity, which JSON cannot say; ask for binary_data",
    )
    wish = [{"name": "y", "parameters": {"binary_data": True}}]
    status, headers, body = logs.call("POST", "/v2/models/one/infer", {"inputs": [tensor], "outputs": wish})
    assert status == 200
    size = int(headers["Inference-Header-Content-Length"])
    json.loads(body[:size])
    np.testing.assert_array_equal(np.isnan(np.frombuffer(body[size:], np.float32)), [False, False, True])
