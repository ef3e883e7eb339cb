"""Bytes that are no request, and requests that are almost right: the caller's mistake, and the server stays."""

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from arkwright.serve.grpc.tensors import split
from arkwright.serve.wire.messages import Problem

from .conftest import LONG, Serving, answered, rows

Code = grpc.StatusCode
METHOD = "/inference.GRPCInferenceService/"
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
GOOD = rows(2).SerializeToString()
Request = service_pb2.ModelInferRequest
numbers = st.integers(-(2**63), 2**63 - 1)
names = st.one_of(st.sampled_from(["f32", "f32_out", "FP32", "FP16", "BYTES", ""]), st.text(max_size=8))
contents = st.builds(
    service_pb2.InferTensorContents,
    bool_contents=st.lists(st.booleans(), max_size=3),
    int_contents=st.lists(st.integers(-(2**31), 2**31 - 1), max_size=3),
    fp32_contents=st.lists(st.floats(width=32), max_size=5),
    bytes_contents=st.lists(st.binary(max_size=8), max_size=3),
)
parameters = st.dictionaries(
    st.one_of(st.just("timeout"), st.text(max_size=5)),
    st.one_of(
        st.builds(service_pb2.InferParameter, int64_param=numbers),
        st.builds(service_pb2.InferParameter, string_param=st.text(max_size=5)),
        st.builds(service_pb2.InferParameter),
    ),
    max_size=2,
)
inputs = st.builds(
    Request.InferInputTensor,
    name=names,
    datatype=names,
    shape=st.lists(st.one_of(st.integers(-1, 4), numbers), max_size=4),
    parameters=parameters,
    contents=st.one_of(st.none(), contents),
)
sizes = st.sampled_from([127, 128, 129, 16_383, 16_384])  # where a length on the wire becomes longer
requests = st.builds(
    Request,
    model_name=names,
    model_version=st.one_of(st.just(""), names),
    id=st.text(max_size=5),
    parameters=parameters,
    inputs=st.lists(inputs, max_size=3),
    outputs=st.lists(st.builds(Request.InferRequestedOutputTensor, name=names, parameters=parameters), max_size=3),
    raw_input_contents=st.lists(st.one_of(st.binary(max_size=20), sizes.map(bytes)), max_size=3),
)


@st.composite
def damaged(draw):
    """A good request with bytes changed, cut out or put in."""
    data = bytearray(GOOD)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@pytest.fixture(scope="module")
def channel(folders):
    with Serving({"f32": folders["f32"]}) as serving, serving.channel() as channel:
        yield channel


def send(channel, name, body):
    call = channel.unary_unary(METHOD + name).future(body, timeout=LONG)
    code = call.code()
    assert code in (Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.UNIMPLEMENTED, Code.DEADLINE_EXCEEDED), code
    return code


def check_ready(channel):
    assert answered(infer(channel, rows(2))).tolist() == [0, 1, 2, 3]


def infer(channel, request):
    call = channel.unary_unary(METHOD + "ModelInfer")
    return service_pb2.ModelInferResponse.FromString(call(request.SerializeToString(), timeout=LONG))


@FUZZ
@given(st.one_of(st.binary(max_size=200), damaged()))
def test_any_bytes(channel, body):
    send(channel, "ModelInfer", body)
    check_ready(channel)


@FUZZ
@given(requests)
def test_any_request(channel, request):
    send(channel, "ModelInfer", request.SerializeToString())
    check_ready(channel)


CALLS = ["ServerLive", "ServerReady", "ServerMetadata", "ModelReady", "ModelMetadata", "RepositoryIndex"]


@settings(FUZZ, max_examples=30)
@given(st.binary(max_size=50))
@pytest.mark.parametrize("name", [*CALLS, "RepositoryModelLoad"])
def test_any_bytes_for_every_call(channel, name, body):
    send(channel, name, body)


@settings(FUZZ, max_examples=500)
@given(st.one_of(st.binary(max_size=200), damaged(), requests.map(Request.SerializeToString)))
def test_a_message_is_split_as_protobuf_reads_it(body):
    """What the split accepts, and protobuf too, is the same message; what protobuf refuses is refused behind it."""
    try:
        rest, raws = split(body)
    except Problem:
        try:
            Request.FromString(body)
        except Exception:  # noqa: BLE001 - protobuf's own
            return
        assert any(byte & 7 in (3, 4) for byte in body)  # groups, which no protocol has sent for many years
        return
    try:
        whole = Request.FromString(body)
    except Exception:  # noqa: BLE001
        with pytest.raises(Exception, match=r"parsing"):
            Request.FromString(rest)
        return
    assert list(whole.raw_input_contents) == [bytes(raw) for raw in raws]
    del whole.raw_input_contents[:]
    assert (
        Request.FromString(rest) == whole or np.isnan([v for i in whole.inputs for v in i.contents.fp32_contents]).any()
    )
