"""Run by KServe's own environment: its gRPC client and its stub, unmodified, against the endpoints of `folders` at the
address given.
"""

import asyncio
import logging
import sys

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub
from kserve.protocol.infer_type import RequestedOutput

SENT = {
    "BOOL": np.array([[True, False], [False, True]]),
    "INT8": np.array([[-128, 127], [0, 1]], np.int8),
    "INT16": np.array([[-(2**15), 2**15 - 1], [0, 1]], np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1], [0, 1]], np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1], [0, 1]], np.int64),
    "UINT8": np.array([[0, 255], [1, 2]], np.uint8),
    "UINT16": np.array([[0, 2**16 - 1], [1, 2]], np.uint16),
    "UINT32": np.array([[0, 2**32 - 1], [1, 2]], np.uint32),
    "UINT64": np.array([[0, 2**64 - 1], [3, 4]], np.uint64),
    "FP32": np.array([[0.5, -2.0], [3.25, 1e30]], np.float32),
    "FP64": np.array([[0.1, 1e308], [5e-324, -1.5]], np.float64),
    "BYTES": np.array([["a", "é"], ["", "b"]], dtype=object),
}


def tensor(name, raw):
    made = InferInput(name, [2, 2], name)
    made.set_data_from_numpy(SENT[name], binary_data=raw)
    return made


async def infer(client, raw):
    tensors = [tensor(name, raw) for name in SENT]
    request = InferRequest("typed", tensors, request_id="7", model_version="1")
    answer = await client.infer(request, headers=(("x-request-id", "mine"),))
    assert (answer.id, answer.model_name, answer.model_version) == ("7", "typed", "1")
    assert answer.parameters["release"].string_param == "release:typed@1"
    assert [output.name for output in answer.outputs] == [f"{name}_out" for name in SENT]
    for output, array in zip(answer.outputs, SENT.values(), strict=True):
        found = output.as_numpy()
        if output.datatype == "BYTES":
            found = np.array([v.decode() if isinstance(v, bytes) else v for v in found.ravel()], object).reshape(2, 2)
        assert found.dtype == array.dtype, (output.name, found.dtype)
        assert (found == array).all(), output.name


async def half_floats(client):
    """They have no typed contents, so whoever asks gets them raw."""
    array = np.array([[0.5, -2.0], [65504, 1.0]], np.float16)
    every = [tensor(name, raw=True) for name in SENT]
    half = InferInput("FP16", [2, 2], "FP16")
    half.set_data_from_numpy(array, binary_data=True)
    wanted = [RequestedOutput("FP16_out")]
    answer = await client.infer(InferRequest("all", [*every, half], request_outputs=wanted))
    assert [output.name for output in answer.outputs] == ["FP16_out"]
    assert (answer.outputs[0].as_numpy() == array).all()


async def refused(work, code, words):
    try:
        await work
    except grpc.RpcError as error:
        assert error.code() == code, error  # noqa: PT017
        assert words in error.details(), error  # noqa: PT017
    else:
        raise AssertionError(words)


async def errors(client):
    def asked(model, name="f32", datatype="FP32", shape=(1, 2), version=None):
        array = np.ones(shape, np.float64 if datatype == "FP64" else np.float32)
        made = InferInput(name, list(shape), datatype)
        made.set_data_from_numpy(array, binary_data=True)
        return client.infer(InferRequest(model, [made], model_version=version))

    codes = grpc.StatusCode
    await refused(client.is_model_ready("f33"), codes.NOT_FOUND, 'did you mean "f32"?')
    await refused(asked("f33"), codes.NOT_FOUND, 'did you mean "f32"?')
    await refused(asked("f32", version="9"), codes.NOT_FOUND, "9")
    await refused(asked("f32", name="f3"), codes.INVALID_ARGUMENT, "'f3'")
    await refused(asked("f32", datatype="FP64"), codes.INVALID_ARGUMENT, "FP64")
    await refused(asked("f32", shape=(1, 3)), codes.INVALID_ARGUMENT, "'f32'")
    await refused(asked("guarded"), codes.INVALID_ARGUMENT, "guarded")


async def metadata(address):
    async with grpc.aio.insecure_channel(address) as channel:
        stub = GRPCInferenceServiceStub(channel)
        server = await stub.ServerMetadata(messages.ServerMetadataRequest())
        assert (server.name, "binary_tensor_data" in server.extensions) == ("arkwright", True)
        model = await stub.ModelMetadata(messages.ModelMetadataRequest(name="two"))
        assert (model.name, list(model.versions), model.platform) == ("two", ["1", "2"], "onnxruntime_onnx")
        found = [(one.name, one.datatype, list(one.shape)) for one in (*model.inputs, *model.outputs)]
        assert found == [("f32", "FP32", [-1, 2]), ("f32_out", "FP32", [-1, 2])]


async def main(address):
    logging.disable()
    async with InferenceGRPCClient(address, timeout=60) as client:
        assert await client.is_server_live()
        assert await client.is_server_ready()
        assert await client.is_model_ready("f32")
        for raw in (False, True):
            await infer(client, raw)
        await half_floats(client)
        await errors(client)
    await metadata(address)
    print("fine")  # noqa: T201


asyncio.run(main(sys.argv[1]))
