"""The protocol as its own clients speak it, and everything that is no request."""

import asyncio
import json
import time

import msgspec
import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as aio
from tests.serve.conftest import ECHO

INFER = "/v2/models/f32/infer"
VALUES = {
    "b": np.array([[True, False], [False, True]]),
    "u8": np.array([[0, 255], [1, 2]], np.uint8),
    "u16": np.array([[0, 2**16 - 1], [1, 2]], np.uint16),
    "u32": np.array([[0, 2**32 - 1], [1, 2]], np.uint32),
    "u64": np.array([[0, 2**64 - 1], [3, 4]], np.uint64),
    "i8": np.array([[-128, 127], [0, 1]], np.int8),
    "i16": np.array([[-(2**15), 2**15 - 1], [0, 1]], np.int16),
    "i32": np.array([[-(2**31), 2**31 - 1], [0, 1]], np.int32),
    "i64": np.array([[-(2**63), 2**63 - 1], [0, 1]], np.int64),
    "f16": np.array([[0.5, -2.0], [65504, 6e-8]], np.float16),
    "f32": np.array([[0.1, -0.0], [3.4e38, 1e-45]], np.float32),
    "f64": np.array([[0.1, 1e308], [5e-324, -1.5]], np.float64),
    "s": np.array([["a", "é"], ["", "\U0001f600\x00"]], dtype=object),
}


@pytest.fixture
def client(echo):
    with triton.InferenceServerClient(f"127.0.0.1:{echo.port}") as client:
        yield client


def asked(names, *, binary):
    inputs = []
    for name in names:
        tensor = triton.InferInput(name, [2, 2], ECHO[name][0])
        tensor.set_data_from_numpy(VALUES[name], binary_data=binary)
        inputs.append(tensor)
    return inputs


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritons_own_client_in_binary(client, compression):
    result = client.infer("echo", asked(ECHO, binary=True), request_id="7", request_compression_algorithm=compression)
    for name, value in VALUES.items():
        found = result.as_numpy(f"{name}_out")
        if name == "s":
            found = np.array([t.decode() for t in found.ravel()], dtype=object).reshape(2, 2)
        assert found.dtype == value.dtype
        assert (found == value).all(), name
    assert result.get_response()["id"] == "7"


def test_tritons_own_client_in_json(client):
    names = [name for name in ECHO if name != "f16"]
    inputs = [*asked(names, binary=False), *asked(["f16"], binary=True)]
    outputs = [triton.InferRequestedOutput(f"{name}_out", binary_data=False) for name in names]
    result = client.infer("echo", inputs, outputs=outputs, model_version="1")
    for name in names:
        assert (result.as_numpy(f"{name}_out") == VALUES[name]).all(), name


def test_every_datatype_to_its_bounds_in_json_by_hand(echo):
    """FP16 too, for which Triton's client has no JSON."""
    assert len(VALUES) == len(ECHO) == 13
    given = {n: array.ravel().tolist() for n, array in VALUES.items()}
    inputs = [{"name": n, "shape": [2, 2], "datatype": ECHO[n][0], "data": data} for n, data in given.items()]
    status, _, answer = infer(echo, json.dumps({"inputs": inputs}).encode(), "/v2/models/echo/infer")
    assert status == 200, answer
    for tensor in answer["outputs"]:
        name = tensor["name"].removesuffix("_out")
        assert np.array(tensor["data"], VALUES[name].dtype).tolist() == given.pop(name)
    assert not given


def test_only_the_outputs_asked_for(client):
    outputs = [triton.InferRequestedOutput("s_out", binary_data=False), triton.InferRequestedOutput("b_out")]
    result = client.infer("echo", asked(ECHO, binary=True), outputs=outputs)
    assert [o["name"] for o in result.get_response()["outputs"]] == ["s_out", "b_out"]
    assert (result.as_numpy("b_out") == VALUES["b"]).all()


def test_tritons_client_reads_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("echo")
    assert client.is_model_ready("echo", "1")
    assert client.get_server_metadata()["name"] == "arkwright"
    about = client.get_model_metadata("echo")
    assert about["inputs"][0] == {"name": "b", "datatype": "BOOL", "shape": [-1, 2]}
    assert about["versions"] == ["1"]
    with pytest.raises(triton.InferenceServerException, match="no endpoint is called"):
        client.get_model_metadata("eco")


def test_nan_passes_in_binary_and_is_an_error_in_json(f32):
    with triton.InferenceServerClient(f"127.0.0.1:{f32.port}") as client:
        tensor = triton.InferInput("f32", [1, 2], "FP32")
        sent = np.array([[np.nan, np.inf]], np.float32)
        tensor.set_data_from_numpy(sent)
        assert client.infer("f32", [tensor]).as_numpy("f32_out").tobytes() == sent.tobytes()
        wish = triton.InferRequestedOutput("f32_out", binary_data=False)
        with pytest.raises(triton.InferenceServerException, match="NaN or Infinity"):
            client.infer("f32", [tensor], outputs=[wish])


def body(data="[1, 2]", shape="[1, 2]", datatype='"FP32"', name='"f32"', rest=""):
    return (
        f'{{"inputs": [{{"name": {name}, "shape": {shape}, "datatype": {datatype}, "data": {data}}}]{rest}}}'.encode()
    )


def infer(live, raw, path=INFER, **headers):
    return live.call("POST", path, raw, headers or {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("data", "shape", "found"),
    [
        ("[1, 2]", "[1, 2]", [1, 2]),
        ("[[1, 2.5]]", "[1, 2]", [1, 2.5]),
        (" [ [1,2] , [3,4]]", "[2, 2]", [1, 2, 3, 4]),
        ("[-0.0, 1e-400]", "[1, 2]", [0, 0]),
        ("[0.1, 1e-46]", "[1, 2]", [0.1, 0]),
    ],
)
def test_flat_or_nested(f32, data, shape, found):
    status, _, answer = infer(f32, body(data, shape))
    assert status == 200
    assert answer["outputs"] == [{"name": "f32_out", "datatype": "FP32", "shape": json.loads(shape), "data": found}]
    assert answer["model_name"] == "f32"
    assert answer["model_version"] == "1"


NUMBERS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "1e39",
    "-1e39",
    "null",
    '"1"',
    "true",
    "[1]",
    "{}",
    "01",
    "+1",
    "1.",
]
NUMBERS += [".5", "0x1", "1_0", "9" * 400, "١"]


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_no_number_of_a_float_tensor(f32, number):
    assert infer(f32, body(f"[1, {number}]"))[0] == 400


SHAPES = ["[]", "[0]", "[0, 2]", "[-1, 2]", "[1, -2]", "[2147483648, 2]", "[16, 1152921504606846978]", "[2, 2]", "[2]"]
SHAPES += ["[4, 1152921504606846978]", "[1, 1, 2]", f"[{', '.join(['1'] * 64)}, 2]", "[1.0, 2]", "[1.5, 2]", "null"]
SHAPES += ["[true, 2]", '"1,2"', "2", "[[1, 2]]", '["1", 2]', "[" + "9" * 5000 + "]", "[1]", "[2, 1]"]


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_that_are_none(f32, shape):
    assert infer(f32, body(shape=shape))[0] == 400
    assert infer(f32, body(data="[]", shape=shape))[0] == 400


BODIES = {
    "empty": b"",
    "object": b"{}",
    "list": b"[]",
    "number": b"1",
    "no inputs": b'{"inputs": []}',
    "null inputs": b'{"inputs": null}',
    "trailing": body() + b"x",
    "two": body() + body(),
    "bom": b"\xef\xbb\xbf" + body(),
    "utf-16": body().decode().encode("utf-16"),
    "lone surrogate": body(name='"\\ud800"'),
    "lone surrogate id": body(rest=', "id": "\\ud800"'),
    "overlong utf-8": body().replace(b"f32", b"f3\xc0\xb2"),
    "bad utf-8 in data": body(data='["\xff"]').decode().encode("latin-1"),
    "nul": body().replace(b"f32", b"f3\x00"),
    "escaped nul": body(name='"f32\\u0000"'),
    "1 MiB key": body(rest=', "' + "k" * 2**20 + '": 1'),
    "unknown key": body(rest=', "output": []'),
    "twice": b'{"inputs": [' + body()[12:-2] + b"," + body()[12:-2] + b"]}",
    "outputs twice": body(rest=', "outputs": [{"name": "f32_out"}, {"name": "f32_out"}]'),
    "unknown output": body(rest=', "outputs": [{"name": "f32_aut"}]'),
    "unknown input": body(name='"f23"'),
    "unknown datatype": body(datatype='"FLOAT"'),
    "lower case": body(datatype='"fp32"'),
    "another datatype": body(datatype='"FP64"'),
    "number id": body(rest=', "id": 3'),
    "nested parameter": body(rest=', "parameters": {"a": [1]}'),
    "flag": body(rest=', "parameters": {"binary_data_output": 1}'),
    "no data": b'{"inputs": [{"name": "f32", "shape": [1, 2], "datatype": "FP32"}]}',
    "null data": body(data="null"),
    "object data": body(data="{}"),
    "text data": body(data='"12"'),
    "nested otherwise": body(data="[[1], [2]]"),
    "nested deeper": body(data="[[[1, 2]]]"),
    "ragged": body(data="[[1, 2], [3]]", shape="[2, 2]"),
    "mixed": body(data="[1, [2]]"),
    "more data": body(data="[1, 2, 3]"),
    "less data": body(data="[1]"),
    "trailing comma": body(data="[1, 2,]"),
    "depth 101": body(data="[" * 101 + "]" * 101),
    "depth 250,000": body(data="[" * 250_000 + "]" * 250_000),
    "depth in a parameter": body(rest=', "parameters": {"a": ' + "[" * 250_000),
    "depth in an object": b'{"a":' * 100_000,
    "a million of another kind": body(data="[" + ",".join(['"a"'] * 10**6) + "]", shape="[500000, 2]"),
    "shared memory": body(rest=', "outputs": [{"name": "f32_out", "parameters": {"shared_memory_region": "a"}}]'),
}


@pytest.mark.parametrize("name", BODIES)
def test_what_is_no_request(f32, name, tmp_path_factory):
    start = time.process_time()  # of client and server
    status, _, answer = infer(f32, BODIES[name])
    assert status == 400
    assert len(answer["error"]) < 600
    for inside in ("Traceback", str(tmp_path_factory.getbasetemp()), "arkwright/", ".py", ".onnx", ".json"):
        assert inside not in answer["error"]
    assert time.process_time() - start < 1.0


WHOLE = [name for name, array in VALUES.items() if array.dtype.kind in "iu"]
BEYOND = [(name, str(np.iinfo(VALUES[name].dtype).max + 1)) for name in WHOLE]
BEYOND += [(name, str(np.iinfo(VALUES[name].dtype).min - 1)) for name in WHOLE]
BEYOND += [("i64", "9" * 30), ("i64", "1.5"), ("i64", "true"), ("i64", '"1"'), ("b", "1"), ("b", "0"), ("b", '"true"')]
BEYOND += [
    ("f16", "65536"),
    ("s", "1"),
    ("s", "null"),
    ("s", '"\\udc00"'),
    ("i64", "1e3"),
    ("f64", "1e309"),
    ("i64", "1.0"),
]


@pytest.mark.parametrize(
    ("name", "number"),
    BEYOND,
)
def test_numbers_beyond_the_datatype(tmp_path, echo, name, number):
    inputs = [
        {"name": n, "shape": [1, 2], "datatype": ECHO[n][0], "data": msgspec.Raw(b"@" if n == name else first(n))}
        for n in ECHO
    ]
    raw = msgspec.json.encode({"inputs": inputs})
    good = raw.replace(b"@", first(name))
    assert infer(echo, good, "/v2/models/echo/infer")[0] == 200
    bad = raw.replace(b"@", f"[{number}, {number}]".encode())
    status, _, answer = infer(echo, bad, "/v2/models/echo/infer")
    assert status == 400
    assert name in answer["error"]


def first(name):
    return {"b": b"[true, false]", "s": b'["a", "b"]'}.get(name, b"[1, 2]")


def binary(size, data, shape=(1, 2), header=None, datatype="FP32", name="f32", extra=None):
    tensor = {"name": name, "shape": list(shape), "datatype": datatype, "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor | (extra or {})]}).encode()
    sent = len(head) if header is None else header
    return head + data, {"Inference-Header-Content-Length": str(sent), "Content-Type": "application/octet-stream"}


@pytest.mark.parametrize(
    "request_",
    [
        binary(4, bytes(8)),
        binary(12, bytes(8)),
        binary(2**63, bytes(8)),
        binary(-8, bytes(8)),
        binary(8.0, bytes(8)),
        binary(None, bytes(8)),
        binary("8", bytes(8)),
        binary(8, bytes(9)),
        binary(8, bytes(7)),
        binary(8, bytes(8), shape=(2, 2)),
        binary(8, bytes(8), header=0),
        binary(8, bytes(8), header=-1),
        binary(8, bytes(8), header="1e2"),
        binary(8, bytes(8), header="9" * 30),
        binary(8, bytes(8), header=10**6),
        binary(8, bytes(8), extra={"data": [1, 2]}),
        binary(8, bytes(8), datatype="FP64"),
        binary(1, bytes(1), extra={"parameters": {"binary_data_size": True}}),
    ],
)
def test_lies_about_sizes(f32, request_):
    raw, headers = request_
    assert infer(f32, raw, **headers)[0] == 400


NO_TENSOR = [("s", b""), ("s", bytes(4)), ("s", b"\xff\xff\xff\xff" * 2), ("s", b"\x01\0\0\0\xff\0\0\0\0")]
NO_TENSOR += [("s", bytes(9)), ("b", b"\x02\x01"), ("s", b"\x05\0\0\0ab\0\0\0")]


@pytest.mark.parametrize(
    ("name", "data"),
    NO_TENSOR,
)
def test_binary_that_is_no_tensor(echo, name, data):
    tensors, tail = [], b""
    for n in ECHO:
        part = data if n == name else {"s": bytes(8), "b": bytes(2)}.get(n, VALUES[n][:1].tobytes())
        tail += part
        about = {"name": n, "shape": [1, 2], "datatype": ECHO[n][0], "parameters": {"binary_data_size": len(part)}}
        tensors.append(about)
    head = json.dumps({"inputs": tensors}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    status, _, answer = infer(echo, head + tail, "/v2/models/echo/infer", **headers)
    assert status == 400
    assert repr(name) in answer["error"]


def test_rows_must_agree_between_inputs(echo):
    inputs = [
        {"name": n, "shape": [1 if n != "b" else 2, 2], "datatype": ECHO[n][0], "data": msgspec.Raw(first(n))}
        for n in ECHO
    ]
    inputs[0]["data"] = [True, False, True, False]
    status, _, answer = infer(echo, msgspec.json.encode({"inputs": inputs}), "/v2/models/echo/infer")
    assert (status, answer) == (400, {"error": "the inputs have different numbers of rows"})


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_with_answers_compressed(f32, coding, binary):
    sent = np.arange(4000, dtype=np.float32).reshape(2000, 2)
    tensor = triton.InferInput("f32", [2000, 2], "FP32")
    tensor.set_data_from_numpy(sent, binary_data=binary)
    wish = [triton.InferRequestedOutput("f32_out", binary_data=binary)]
    with triton.InferenceServerClient(f"127.0.0.1:{f32.port}") as client:
        result = client.infer(
            "f32",
            [tensor],
            outputs=wish,
            request_id="é7",
            timeout=10_000_000,
            parameters={"a": 1},
            request_compression_algorithm=coding,
            response_compression_algorithm=coding,
        )
    assert (result.as_numpy("f32_out") == sent).all()
    assert result.get_response()["id"] == "é7"


def test_tritons_client_in_asyncio(echo):
    async def main():
        async with aio.InferenceServerClient(f"127.0.0.1:{echo.port}") as client:
            assert await client.is_server_ready()
            assert (await client.get_model_metadata("echo", "1"))["name"] == "echo"
            each = [client.infer("echo", asked(ECHO, binary=True), request_id=str(i)) for i in range(50)]
            for i, result in enumerate(await asyncio.gather(*each)):
                assert result.get_response()["id"] == str(i)
                assert (result.as_numpy("i64_out") == VALUES["i64"]).all()
            with pytest.raises(triton.InferenceServerException, match="has no version '9'"):
                await client.infer("echo", asked(ECHO, binary=True), model_version="9")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("rest", "wanted"),
    [
        (', "model_name": "f32", "model_version": "1"', 200),
        (', "model_name": "f32", "model_version": null', 200),
        (', "model_version": ""', 200),
        (', "model_name": "other"', 400),
        (', "model_version": "2"', 400),
        (', "model_name": 1', 400),
    ],
)
def test_a_body_may_repeat_the_path_and_not_contradict_it(f32, rest, wanted):
    assert infer(f32, body(rest=rest))[0] == wanted
