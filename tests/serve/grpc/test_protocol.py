"""The protocol as its own clients speak it, and everything that is no request."""

import asyncio
import contextlib
import http.client
import json
import queue

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2

from arkwright.serve.grpc.tensors import MOST_FIELDS, TYPED

from .conftest import LONG, TYPES, answered, rows

Input = service_pb2.ModelInferRequest.InferInputTensor
Contents = service_pb2.InferTensorContents


def asked(names=TYPES):
    inputs = []
    for name in names:
        tensor = triton.InferInput(name, [2, 2], name)
        tensor.set_data_from_numpy(TYPES[name][1])
        inputs.append(tensor)
    return inputs


def check(result, names=TYPES):
    for name in names:
        found, expected = result.as_numpy(f"{name}_out"), TYPES[name][1]
        if name == "BYTES":
            found = np.array([text.decode() for text in found.ravel()], dtype=object).reshape(2, 2)
        assert found.dtype == expected.dtype
        assert (found == expected).all(), name


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritons_own_client(served, compression):
    with served.triton() as client:
        result = client.infer("all", asked(), request_id="7", compression_algorithm=compression)
    check(result)
    answer = result.get_response()
    assert (answer.id, answer.model_name, answer.model_version) == ("7", "all", "1")
    assert answer.parameters["release"].string_param == "release:all@1"
    assert answer.parameters["digest"].string_param == "1" * 64


def test_tritons_own_asynchronous_client(served):
    async def main():
        async with triton_aio.InferenceServerClient(served.target) as client:
            assert await client.is_server_live()
            assert await client.is_model_ready("all", "1")
            for result in await asyncio.gather(*(client.infer("all", asked(), model_version="1") for _ in range(20))):
                check(result)

    asyncio.run(main())


def test_only_the_outputs_asked_for(served):
    wanted = [triton.InferRequestedOutput("BYTES_out"), triton.InferRequestedOutput("BOOL_out")]
    with served.triton() as client:
        result = client.infer("all", asked(), outputs=wanted)
    assert [output.name for output in result.get_response().outputs] == ["BYTES_out", "BOOL_out"]
    check(result, ["BYTES", "BOOL"])


def test_health_and_metadata(served):
    with served.triton() as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("two", "2")
        about = client.get_server_metadata(as_json=True)
        assert about["name"] == "arkwright"
        model = client.get_model_metadata("two")
        assert model.versions == ["1", "2"]
        assert (model.platform, model.name) == ("onnxruntime_onnx", "two")
        (tensor,) = model.inputs
        assert (tensor.name, tensor.datatype, tensor.shape) == ("f32", "FP32", [-1, 2])
        assert [output.name for output in model.outputs] == ["f32_out"]
        index = client.get_model_repository_index()
    assert [(m.name, m.version, m.state) for m in index.models] == [
        ("all", "1", "READY"), ("f32", "3", "READY"), ("two", "1", "READY"), ("two", "2", "READY"),
        ("typed", "1", "READY"), ("guarded", "1", "READY"),
    ]  # fmt: skip


def test_a_stream_answers_in_order_and_goes_on_after_an_error(served):
    found = queue.Queue()
    with served.triton() as client:
        client.start_stream(lambda result, error: found.put((result, error)))
        client.async_stream_infer("all", asked(), request_id="a")
        client.async_stream_infer("al", asked())
        client.async_stream_infer("all", asked(), request_id="b")
        answers = [found.get(timeout=LONG) for _ in range(3)]
        client.stop_stream()
    assert [error is None for _, error in answers] == [True, False, True]
    assert "did you mean" in answers[1][1].message()
    for (result, _), id_ in ((answers[0], "a"), (answers[2], "b")):
        check(result)
        assert result.get_response().id == id_


def typed(names):
    inputs = []
    for name in names:
        values = TYPES[name][1].ravel().tolist()
        values = [text.encode() for text in values] if name == "BYTES" else values
        inputs.append(Input(name=name, datatype=name, shape=[2, 2], contents=Contents(**{TYPED[name]: values})))
    return inputs


def test_typed_contents_are_answered_as_typed_contents(served):
    inputs = typed(TYPED)
    with served.stub() as stub:
        answer = stub.ModelInfer(service_pb2.ModelInferRequest(model_name="typed", inputs=inputs))
    assert not answer.raw_output_contents
    assert [output.name for output in answer.outputs] == [f"{name}_out" for name in TYPED]
    for sent, output in zip(inputs, answer.outputs, strict=True):
        assert (output.datatype, output.shape) == (sent.datatype, [2, 2])
        assert output.contents == sent.contents


def test_a_half_has_no_typed_contents(served):
    half = Input(name="FP16", datatype="FP16", shape=[2, 2], contents=Contents(fp32_contents=[1, 2, 3, 4]))
    request = service_pb2.ModelInferRequest(model_name="all", inputs=[*typed(TYPED), half])
    with served.stub() as stub, pytest.raises(grpc.RpcError, match="FP16, which has no typed contents") as caught:
        stub.ModelInfer(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("name", "number"), [("INT8", 128), ("INT16", -(2**15) - 1), ("UINT8", 256), ("UINT16", 2**16)]
)
def test_typed_numbers_beyond_the_datatype(served, name, number):
    tensor = Input(name=name, datatype=name, shape=[1, 2], contents=Contents(**{TYPED[name]: [0, number]}))
    with served.stub() as stub, pytest.raises(grpc.RpcError, match=f"beyond {name}") as caught:
        stub.ModelInfer(service_pb2.ModelInferRequest(model_name="typed", inputs=[tensor]))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_nan_passes_bit_by_bit(served):
    bits = np.array([[0x7FC00001, 0xFF800000], [0x7F800000, 0xFFC12345]], np.uint32)
    request = rows(2)
    request.raw_input_contents[0] = bits.tobytes()
    with served.stub() as stub:
        assert stub.ModelInfer(request).raw_output_contents[0] == bits.tobytes()


def test_a_release_is_picked_by_version_or_by_header(served):
    with served.stub() as stub:
        for version in ("1", "2"):
            assert stub.ModelInfer(rows(1, model="two", model_version=version)).model_version == version
            metadata = [("arkwright-release", f"release:two@{version}")]
            assert stub.ModelInfer(rows(1, model="two"), metadata=metadata).model_version == version


def test_a_key_goes_to_the_same_release_by_both_protocols(served):
    tensor = {"name": "f32", "datatype": "FP32", "shape": [1, 2], "data": [0, 1]}
    client = http.client.HTTPConnection("127.0.0.1", served.rest, timeout=LONG)
    with served.stub() as stub, contextlib.closing(client):
        found = []
        for key in (f"customer-{i}" for i in range(16)):
            headers = {"Content-Type": "application/json", "Arkwright-Key": key}
            client.request("POST", "/v2/models/two/infer", json.dumps({"inputs": [tensor]}), headers)
            by_rest = json.loads(client.getresponse().read())["model_version"]
            by_grpc = stub.ModelInfer(rows(1, model="two"), metadata=[("arkwright-key", key)]).model_version
            found.append((by_rest, by_grpc))
    assert set(found) == {("1", "1"), ("2", "2")}


def changed(**fields):
    request = rows(2)
    for name, value in fields.items():
        target = request.inputs[0] if hasattr(request.inputs[0], name) and name != "id" else request
        field = getattr(target, name)
        if isinstance(value, list):
            del field[:]
            field.extend(value)
        else:
            setattr(target, name, value)
    return request


def with_contents(contents, **fields):
    tensor = Input(**{"name": "f32", "datatype": "FP32", "shape": [1, 2], "contents": contents} | fields)
    return service_pb2.ModelInferRequest(model_name="f32", inputs=[tensor])


def twice():
    request = rows(2)
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(request.raw_input_contents[0])
    return request


def beside():
    request = rows(2)
    request.inputs[0].contents.fp32_contents.extend([1, 2, 3, 4])
    return request


def with_parameter(name, **value):
    request = rows(2)
    (request.parameters if name == "timeout" else request.inputs[0].parameters)[name].MergeFrom(
        service_pb2.InferParameter(**value)
    )
    return request


def asking(*names):
    Output = service_pb2.ModelInferRequest.InferRequestedOutputTensor
    return rows(2, outputs=[Output(name=name) for name in names])


WRONG = {
    "two elements for one input": (changed(raw_input_contents=[bytes(16), b""]), "2 elements for 1 inputs"),
    "too short": (changed(raw_input_contents=[bytes(15)]), "15 bytes"),
    "too long": (changed(raw_input_contents=[bytes(17)]), "17 bytes"),
    "raw beside typed": (beside(), "send one of them"),
    "nothing": (changed(raw_input_contents=[]), "in nothing"),
    "an input twice": (twice(), "given twice"),
    "no such input": (changed(name="f23"), 'did you mean "f32"'),
    "another datatype": (changed(datatype="FP64"), "is FP32, not 'FP64'"),
    "no datatype": (changed(datatype="FP23"), 'did you mean "FP32"'),
    "a lower-case datatype": (changed(datatype="fp32"), "is FP32, not 'fp32'"),
    "an empty shape": (changed(shape=[]), "0 dimensions"),
    "no rows": (changed(shape=[0, 2]), "holds 0"),
    "a negative shape": (changed(shape=[-1, 2]), "holds -1"),
    "a shape that overflows": (changed(shape=[16, 2**60 + 2]), "2\\^31"),
    "a vast shape": (changed(shape=[2**31 - 1] * 64), "bytes"),
    "65 dimensions": (changed(shape=[1] * 100_000), "65 dimensions"),
    "another shape": (changed(shape=[1, 4]), "the model takes"),
    "another rank": (changed(shape=[4]), "the model takes"),
    "no such output": (asking("f32"), 'did you mean "f32_out"'),
    "an output twice": (asking("f32_out", "f32_out"), "asked for twice"),
    "shared memory": (with_parameter("shared_memory_region", string_param="x"), "not supported"),
    "a timeout that is a text": (with_parameter("timeout", string_param="1"), "microseconds"),
    "a negative timeout": (with_parameter("timeout", int64_param=-1), "microseconds"),
    "another type's contents": (with_contents(Contents(fp64_contents=[1, 2])), "FP32 is in fp32_contents"),
    "two kinds of contents": (
        with_contents(Contents(fp32_contents=[1, 2], int_contents=[1])),
        "int_contents and fp32",
    ),
    "too few elements": (with_contents(Contents(fp32_contents=[1])), "contents of 1"),
    "too many fields": (service_pb2.ModelInferRequest(model_name="f32", inputs=[Input()] * 5000), str(MOST_FIELDS)),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_request(served, case):
    request, said = WRONG[case]
    with served.stub() as stub, pytest.raises(grpc.RpcError, match=said) as caught:
        stub.ModelInfer(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(caught.value.details()) < 600


def with_wrong(name, **fields):
    """A request for every datatype in raw contents, but for what is given for one of them."""
    request = service_pb2.ModelInferRequest(model_name="all")
    for n, (_, array) in TYPES.items():
        request.inputs.append(Input(name=n, datatype=n, shape=[2, 2]))
        request.raw_input_contents.append(fields.get("raw", b"") if n == name else triton_bytes(n, array))
    return request


def triton_bytes(name, array):
    if name != "BYTES":
        return array.tobytes()
    texts = [text.encode() for text in array.ravel()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("BOOL", b"\0\1\2\0"),
        ("BYTES", b""),
        ("BYTES", bytes(15)),
        ("BYTES", bytes(17)),
        ("BYTES", b"\xff\xff\xff\xff" * 4),
        ("BYTES", b"\1\0\0\0\xff" * 4),
    ],
    ids=["no bool", "empty", "cut off", "more behind", "vast", "no text"],
)
def test_raw_bytes_that_are_no_tensor(served, name, raw):
    with served.stub() as stub, pytest.raises(grpc.RpcError, match=repr(name)) as caught:
        stub.ModelInfer(with_wrong(name, raw=raw))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_unknown_names_are_told_with_the_nearest(served):
    versionless = {"model": "f32", "model_version": "4"}
    with served.stub() as stub:
        for call, said in [
            (lambda: stub.ModelInfer(rows(1, model="f33")), 'did you mean "f32"'),
            (lambda: stub.ModelInfer(rows(1, **versionless)), "no version '4'; there is 3"),
            (lambda: stub.ModelReady(service_pb2.ModelReadyRequest(name="f33")), 'did you mean "f32"'),
            (lambda: stub.ModelReady(service_pb2.ModelReadyRequest(name="f32", version="4")), "no version"),
            (
                lambda: stub.ModelMetadata(service_pb2.ModelMetadataRequest(name="")),
                "there is all, f32, guarded, two, typed",
            ),
        ]:
            with pytest.raises(grpc.RpcError, match=said) as caught:
                call()
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_tensors_do_not_go_around_the_safeguards(served):
    with served.stub() as stub, pytest.raises(grpc.RpcError, match="has safeguards, which judge raw rows") as caught:
        stub.ModelInfer(rows(1, model="guarded"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_what_cannot_be_loaded_and_what_is_not_spoken(served):
    with served.triton() as client:
        for call in (client.load_model, client.unload_model):
            call("f32")
            for name in ("f3", "../f32"):
                with pytest.raises(triton.InferenceServerException) as caught:
                    call(name)
                assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
        with pytest.raises(triton.InferenceServerException, match="UNIMPLEMENTED"):
            client.get_inference_statistics()


def test_rows_of_many_callers_are_answered_as_alone(served):
    async def main():
        async with grpc.aio.insecure_channel(served.target) as channel:
            infer = channel.unary_unary(
                "/inference.GRPCInferenceService/ModelInfer",
                service_pb2.ModelInferRequest.SerializeToString,
                service_pb2.ModelInferResponse.FromString,
            )
            counts = [1 + i % 7 for i in range(1000)]
            answers = await asyncio.gather(*(infer(rows(count, i)) for i, count in enumerate(counts)))
        for i, (count, answer) in enumerate(zip(counts, answers, strict=True)):
            assert answered(answer).tolist() == list(np.arange(i, i + 2 * count, dtype=np.float32))

    asyncio.run(main())


@pytest.mark.parametrize("call", ["RepositoryModelLoad", "RepositoryModelUnload"])
def test_what_the_repository_does_not_do_is_refused_as_over_rest(served, call):
    asked = getattr(service_pb2, f"{call}Request")
    parameter = service_pb2.ModelRepositoryParameter
    with served.stub() as stub:
        for name, value, told in (
            ("config", parameter(string_param="{}"), "unknown parameter 'config'"),
            ("unload_dependants", parameter(bool_param=True), 'did you mean "unload_dependents"'),
            ("unload_dependents", parameter(string_param="yes"), "unload_dependents is true or false"),
        ):
            with pytest.raises(grpc.RpcError, match=told) as caught:
                getattr(stub, call)(asked(model_name="f32", parameters={name: value}))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "model_repository" in stub.ServerMetadata(service_pb2.ServerMetadataRequest()).extensions
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(rows(1, model="f33"), metadata=[("x-request-id", "mine")])
        assert ("x-request-id", "mine") in caught.value.trailing_metadata()
