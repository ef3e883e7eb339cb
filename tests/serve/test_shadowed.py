"""Every road into a release with a shadow beside it, through a supervisor: the answer is the graph's own, the shadow
gets what the champion got, and the log keeps both as they are, or as little as it is told to.
"""

import json
import struct
from zlib import crc32

import grpc
import numpy as np
import onnxruntime
import pyarrow as pa
import pytest
import tritonclient.http as triton
from onnx import TensorProto, helper
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.grpc.tensors import TYPED
from arkwright.sites import local

from .conftest import constant, late_model, late_signature, proto, value, write
from .observed import Observed

ODD = [np.nan, np.inf, -np.inf]
# of each datatype: its name for ONNX, two rows of two, what the graph does with them, and with what else
WORK = {
    "FP16": (TensorProto.FLOAT16, np.array([[0.1, -2.5], [200, 6e-8]], np.float16), "Mul", None),
    "FP32": (TensorProto.FLOAT, np.array([[0.1, -0.0], [1e38, 1e-45]], np.float32), "Add", None),
    "FP64": (TensorProto.DOUBLE, np.array([[0.1, 1e307], [5e-324, -1.5]]), "Add", None),
    "INT32": (TensorProto.INT32, np.array([[-(2**31), 2**31 - 1], [0, 7]], np.int32), "Add", None),
    "INT64": (TensorProto.INT64, np.array([[-(2**63), 2**63 - 1], [0, 7]], np.int64), "Sub", np.int64(1)),
    "UINT8": (TensorProto.UINT8, np.array([[0, 255], [7, 8]], np.uint8), "Mod", np.uint8(7)),
    "BOOL": (TensorProto.BOOL, np.array([[True, False], [False, False]]), "Not", False),
    "BYTES": (TensorProto.STRING, np.array([["a", "é"], ["", "NaN"]], dtype=object), "Concat", None),
}
COLUMNS = {"BOOL": "bool", "BYTES": "str", "FP16": "float", "FP32": "float", "FP64": "float"}
KINDS = {"all": list(WORK), "typed": [kind for kind in WORK if kind in TYPED]}
ROW = {"km": 4.1640625, "aa": 0.0, "delay": 4.5}
TENSOR = {"name": "features", "datatype": "FP32", "shape": [1, 3], "data": list(ROW.values())}
ARROW = "application/vnd.apache.arrow.stream"


def working(folder, kinds):
    """One input and one output of each of these datatypes, and work between them."""
    nodes, constants, inputs, outputs = [], [], [], []
    for kind in kinds:
        onnx_kind, _, work, other = WORK[kind]
        second = [kind] if other is None else [f"{kind}_c"] if other is not False else []
        if other is not None and other is not False:
            constants.append(constant(f"{kind}_c", other))
        nodes.append(
            helper.make_node(work, [kind, *second], [f"{kind}_out"], **({"axis": 1} if work == "Concat" else {}))
        )
        inputs.append(value(kind, onnx_kind, ["n", 2]))
        outputs.append(value(f"{kind}_out", onnx_kind, ["n", 4 if work == "Concat" else 2]))
    signature = Signature(
        model="all",
        task="regression",
        target="y",
        columns=tuple(Column(name=kind, type=COLUMNS.get(kind, "int")) for kind in kinds),
        inputs=tuple(Tensor(name=kind, datatype=kind) for kind in kinds),
        outputs=tuple(Tensor(name=f"{kind}_out", datatype=kind) for kind in kinds),
    )
    return write(folder, signature, proto(inputs, outputs, nodes, constants))


def by_itself(folder, given):
    """What onnxruntime answers."""
    session = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, given), strict=True))


def values_of(kinds, odd=()):
    """A tensor for each of these, the numbers in `odd` in place of some in the floats'."""
    found = {kind: WORK[kind][1].copy() for kind in kinds}
    for kind in kinds:
        if kind.startswith("FP"):
            found[kind].flat[: len(odd)] = odd
    return found


class Roads:
    """All ways to have one release answer tensors: each gives what it answered, by name."""

    def __init__(self, server):
        self.server = server

    def json(self, endpoint, given, id_):
        """By hand: Triton's client has no JSON for FP16."""
        inputs = [
            {"name": name, "datatype": name, "shape": array.shape, "data": array.reshape(-1).tolist()}
            for name, array in given.items()
        ]
        status, _, body = self.server.post(f"/v2/models/{endpoint}/infer", {"inputs": inputs}, X_Request_Id=id_)
        assert status == 200, body
        outputs = json.loads(body)["outputs"]
        return {t["name"]: np.array(t["data"], WORK[t["datatype"]][1].dtype).reshape(t["shape"]) for t in outputs}

    def binary(self, endpoint, given, id_):
        inputs = []
        for name, array in given.items():
            inputs.append(triton.InferInput(name, array.shape, name))
            inputs[-1].set_data_from_numpy(array)
        outputs = [triton.InferRequestedOutput(f"{name}_out") for name in given]
        with triton.InferenceServerClient(f"127.0.0.1:{self.server.port}") as client:
            found = client.infer(endpoint, inputs, outputs=outputs, headers={"X-Request-Id": id_})
        return {f"{name}_out": found.as_numpy(f"{name}_out") for name in given}

    def typed(self, endpoint, given, id_):
        return self._grpc(endpoint, given, id_, raw=False)

    def raw(self, endpoint, given, id_):
        return self._grpc(endpoint, given, id_, raw=True)

    def _grpc(self, endpoint, given, id_, *, raw):
        asked = service_pb2.ModelInferRequest(model_name=endpoint)
        for name, array in given.items():
            tensor = asked.inputs.add(name=name, datatype=name, shape=array.shape)
            if raw:
                asked.raw_input_contents.append(packed(array))
            else:
                flat = array.reshape(-1).tolist()
                flat = [one.encode() for one in flat] if name == "BYTES" else flat
                getattr(tensor.contents, TYPED[name]).extend(flat)
        with grpc.insecure_channel(self.server.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            said = stub.ModelInfer(asked, metadata=[("x-request-id", id_)], timeout=60)
        found = {}
        for place, tensor in enumerate(said.outputs):
            kind = tensor.name.removesuffix("_out")
            if raw:
                array = unpacked(said.raw_output_contents[place], kind)
            else:
                array = np.array(list(getattr(tensor.contents, TYPED[kind])), WORK[kind][1].dtype)
            found[tensor.name] = array.reshape(list(tensor.shape))
        return found


def packed(array):
    if array.dtype != object:
        return array.tobytes()
    return b"".join(struct.pack("<I", len(one.encode())) + one.encode() for one in array.reshape(-1))


def unpacked(data, kind):
    if kind != "BYTES":
        return np.frombuffer(data, WORK[kind][1].dtype)
    found = []
    while data:
        (size,) = struct.unpack_from("<I", data)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return np.array(found, dtype=object)


def same(found, expected):
    """To the bit, texts by their bytes."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        if array.dtype == object:
            texts = [one if isinstance(one, bytes) else one.encode() for one in found[name].reshape(-1)]
            assert texts == [one.encode() for one in array.reshape(-1)]
        else:
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
            np.testing.assert_array_equal(np.signbit(found[name].astype(float)), np.signbit(array.astype(float)))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shadowed")
    flat = [
        write(folder / f"late{i}", late_flat(), late_model(part)) for i, part in enumerate((0.5, 0.25))
    ]  # rows of the three features
    folders = {
        "all": working(folder / "all", list(WORK)),
        "typed": working(folder / "typed", [k for k in WORK if k in TYPED]),
    }
    releases = {name: [(one, 1, 1.0), (one, 2, 0.0, True)] for name, one in folders.items()}
    releases |= {name: [(flat[0], 1, 1.0), (flat[1], 2, 0.0, True)] for name in ("late", "less")}
    predictions = local(folder / "project").predictions
    logs = {name: {"folder": predictions / name} for name in releases}
    logs["less"] |= {"sample": 0.5, "redact": ["km"]}
    with Observed(folder, releases, logs, workers=1, grpc_port=0) as server:
        server.folders = folders
        warm(server)
        yield server


def late_flat():
    columns = tuple(Column(name=name, type="float", nullable=name == "delay") for name in ("km", "aa", "delay"))
    shape = late_signature()
    return Signature(
        model=shape.model, task=shape.task, target=shape.target, columns=columns,
        inputs=(Tensor(name="features", datatype="FP32", columns=("km", "aa", "delay")),),
        outputs=shape.outputs, classes=shape.classes,
    )  # fmt: skip


def warm(server):
    """The first copies open the connection to the shadows."""

    def shadowed():
        server.post("/endpoints/late/predict", ROW)
        return any(row["shadow"] for row in server.logged("late"))

    server.until(shadowed)


def both(server, endpoint, id_, rows=1):
    """What the champion and what the shadow logged."""
    found = server.found(endpoint, id_, rows=2 * rows)
    champion, shadow = ([row for row in found if row["shadow"] is aside] for aside in (False, True))
    assert len(champion) == len(shadow) == rows
    assert {row["status"] for row in found} == {200}, found
    return champion, shadow


CASES = [("all", "json"), ("all", "binary"), ("all", "raw"), ("typed", "json"), ("typed", "typed"), ("typed", "raw")]


@pytest.mark.parametrize(("endpoint", "road"), CASES)
def test_every_datatype_by_every_road_is_what_the_graph_answers(served, endpoint, road):
    kinds = KINDS[endpoint]
    given = values_of(kinds)
    id_ = f"plain/{endpoint}/{road}"
    same(getattr(Roads(served), road)(endpoint, given, id_), by_itself(served.folders[endpoint], given))
    champion, shadow = both(served, endpoint, id_, rows=2)
    for first, second in zip(champion, shadow, strict=True):
        assert (first["inputs"], first["outputs"]) == (second["inputs"], second["outputs"])
    for place, row in enumerate(champion):
        for tensor in json.loads(row["inputs"]):
            logged = np.array(tensor["data"], WORK[tensor["datatype"]][1].dtype).reshape(-1)
            np.testing.assert_array_equal(logged, given[tensor["name"]][place])


@pytest.mark.parametrize(
    ("endpoint", "road"), [("all", "binary"), ("all", "raw"), ("typed", "typed"), ("typed", "raw")]
)
def test_nan_and_the_infinities_reach_the_shadow_and_the_log(served, endpoint, road):
    kinds = KINDS[endpoint]
    given, id_ = values_of(kinds, ODD), f"odd/{endpoint}/{road}"
    same(getattr(Roads(served), road)(endpoint, given, id_), by_itself(served.folders[endpoint], given))
    champion, shadow = both(served, endpoint, id_, rows=2)
    for one in (champion, shadow):
        first, second = ({t["name"]: t["data"] for t in json.loads(row["inputs"])} for row in one)
        for kind in (kind for kind in kinds if kind.startswith("FP")):
            assert first[kind] == ["NaN", "Infinity"]
            assert second[kind] == ["-Infinity", pytest.approx(float(given[kind][1, 1]))]
    assert [row["outputs"] for row in champion] == [row["outputs"] for row in shadow]


def test_only_what_was_asked_for_is_asked_of_the_shadow(served):
    asked = service_pb2.ModelInferRequest(model_name="late", model_version="1")
    asked.inputs.add(name="features", datatype="FP32", shape=[1, 3])
    asked.raw_input_contents.append(np.array([[1, 0, np.nan]], np.float32).tobytes())
    asked.outputs.add(name="label")
    with grpc.insecure_channel(served.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        stub.ModelInfer(asked, metadata=[("x-request-id", "label-only")], timeout=60)
    for (row,) in both(served, "late", "label-only"):
        assert [tensor["name"] for tensor in json.loads(row["outputs"])] == ["label"]
        assert row["label"] is True


def test_rows_and_a_version_in_the_body_reach_the_shadow(served):
    asked = {"model_name": "late", "model_version": "1", "inputs": [TENSOR]}
    assert served.post("/v2/models/late/infer", asked, X_Request_Id="named")[0] == 200
    assert served.post("/endpoints/late/predict", [ROW, ROW], X_Request_Id="json")[0] == 200
    assert served.ask("POST", "/endpoints/late/predict", stream(), Content_Type=ARROW, X_Request_Id="arrow")[0] == 200
    both(served, "late", "named")
    for id_, rows in (("json", 2), ("arrow", 1)):
        champion, shadow = both(served, "late", id_, rows)
        for first, second in zip(champion, shadow, strict=True):
            assert [first[name] for name in ROW] == [second[name] for name in ROW] == list(ROW.values())
            assert first["probability_true"] > second["probability_true"]


def test_one_id_that_the_server_made_finds_both_answers(served):
    _, headers, _ = served.post("/endpoints/late/predict", ROW)
    both(served, "late", headers["X-Request-Id"])


def test_a_testers_answer_has_an_id_by_which_it_is_found(served):
    for path, asked in (("/endpoints/late/predict", ROW), ("/v2/models/late/infer", {"inputs": [TENSOR]})):
        status, headers, _ = served.post(path, asked, Arkwright_Release="late@2")
        (id_,) = headers.get_all("X-Request-Id")
        found = served.found("late", id_)
        assert (status, found["shadow"], found["release"]) == (200, True, "release:late@2")
    assert served.post(path, asked, Arkwright_Release="2", X_Request_Id="mine")[1].get_all("X-Request-Id") == ["mine"]


def test_a_version_means_the_same_where_a_tester_asks_for_a_shadow(served):
    """The path says who answers, whatever the header says; the body must not name another than answers."""
    asked = {"inputs": [TENSOR]}
    said = {}
    for version in ("", "1", "2"):
        answer = served.post("/v2/models/late/infer", {**asked, "model_version": version}, Arkwright_Release="2")
        said[version] = answer[0]
    assert said == {"": 200, "1": 400, "2": 200}
    other = served.post("/v2/models/late/infer", {**asked, "model_version": "1"}, Arkwright_Release="2")[2]
    assert b"the body names another model than the path, late version 2" in other
    status, headers, _ = served.post("/v2/models/late/versions/1/infer", asked, Arkwright_Release="2")
    assert (status, headers["Arkwright-Release"]) == (200, "release:late@1")
    assert served.post("/v2/models/late/versions/2/infer", asked, Arkwright_Release="2")[0] == 404


@pytest.mark.parametrize("wanted", ["2", "late@2", "release:late@2"])
def test_a_tester_who_asks_for_a_shadow_over_grpc_is_told_where_it_answers(served, wanted):
    asked = service_pb2.ModelInferRequest(model_name="late")
    with grpc.insecure_channel(served.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(asked, metadata=[("arkwright-release", wanted)], timeout=60)
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
    words = "late@2 is a shadow of late; ask it over HTTP, with the header Arkwright-Release: late@2"
    assert refused.value.details() == words


def stream():
    table = pa.table({name: [one] for name, one in ROW.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_the_sample_is_the_same_of_both_and_nothing_redacted_is_on_the_disk(served):
    """By every road."""
    ids = [f"s/{n}" for n in range(160)]
    features = np.array([list(ROW.values())], np.float32)
    for n, id_ in enumerate(ids):
        match n % 5:
            case 0:
                answer = served.post("/endpoints/less/predict", ROW, X_Request_Id=id_)
            case 1:
                answer = served.ask("POST", "/endpoints/less/predict", stream(), Content_Type=ARROW, X_Request_Id=id_)
            case 2:
                answer = served.post("/v2/models/less/infer", {"inputs": [TENSOR]}, X_Request_Id=id_)
            case 3:  # refused, and its message quotes nothing that is kept
                answer = served.post("/endpoints/less/predict", {**ROW, "aa": "4.1640625"}, X_Request_Id=id_)
            case 4:
                asked = service_pb2.ModelInferRequest(model_name="less")
                asked.inputs.add(name="features", datatype="FP32", shape=[1, 3])
                asked.raw_input_contents.append(features.tobytes())
                with grpc.insecure_channel(served.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                    stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
                    stub.ModelInfer(asked, metadata=[("x-request-id", id_)], timeout=60)
                continue
        assert answer[0] == (422 if n % 5 == 3 else 200), answer
    kept = {id_ for id_ in ids if crc32(id_.encode()) < 2**31}
    assert abs(len(kept) - 80) <= 25  # four standard deviations of 160 requests
    good = {id_ for n, id_ in enumerate(ids) if id_ in kept and n % 5 != 3}

    def noted():  # each process writes its own, when it comes to it
        ids = {(row["id"], row["shadow"]) for row in served.logged("less")}
        return len(ids) >= len(kept) + len(good)

    served.until(noted)
    rows = served.logged("less")
    assert {row["id"] for row in rows if not row["shadow"]} == kept
    assert {row["id"] for row in rows if row["shadow"]} == good
    assert all("km" not in row for row in rows)
    assert {row["aa"] for row in rows if row["kind"] == "predict" and row["status"] == 200} == {0.0}
    secrets = [b"4.1640625", *(struct.pack(code, ROW["km"]) for code in ("<d", "<f", ">d", ">f"))]
    data = served.bytes_on_disk("less")
    assert b"s/0" in data or b"s/1" in data
    assert not [secret for secret in secrets if secret in data]
