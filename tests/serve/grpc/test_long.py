"""Long messages are read aside and in pieces, answered in pieces, and mean what short ones mean."""

import threading
import time
from http.client import HTTPConnection

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.lets_go_on import longest_part
from tritonclient.grpc import service_pb2

from arkwright.serve.grpc import contents
from arkwright.serve.grpc.asked import Asked
from arkwright.serve.grpc.contents import from_pieces, parted, typed
from arkwright.serve.grpc.service import LONG
from arkwright.serve.grpc.tensors import TYPED, from_contents
from arkwright.serve.model.tensors import DATATYPES
from arkwright.serve.wire.messages import Problem

from .conftest import TYPES, rows

Input = service_pb2.ModelInferRequest.InferInputTensor
Contents = service_pb2.InferTensorContents
ROWS = 20_000


def of_many(names, count=ROWS):
    """Typed contents of so many rows for the endpoint that gives back what it is given."""
    inputs = []
    for name in names:
        values = TYPES[name][1].ravel().tolist() * (count // 2)
        values = [text.encode() for text in values] if name == "BYTES" else values
        inputs.append(Input(name=name, datatype=name, shape=[count, 2], contents=Contents(**{TYPED[name]: values})))
    return service_pb2.ModelInferRequest(model_name="typed", id="7", inputs=inputs)


def test_long_typed_contents_are_answered_as_such(served):
    request = of_many(TYPED)
    assert request.ByteSize() > LONG
    with served.stub() as stub:
        answer = stub.ModelInfer(request)
    assert (answer.id, answer.model_name) == ("7", "typed")
    for sent, output in zip(request.inputs, answer.outputs, strict=True):
        assert (output.name, output.datatype, output.shape) == (f"{sent.name}_out", sent.datatype, [ROWS, 2])
        assert output.contents == sent.contents


def test_long_raw_tensors_are_answered_as_such(served):
    request = rows(ROWS)
    with served.stub() as stub:
        assert stub.ModelInfer(request).raw_output_contents == request.raw_input_contents


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda r: r.inputs[0].shape.__setitem__(0, ROWS - 1), "contents of more"),
        (lambda r: r.inputs[0].shape.__setitem__(0, ROWS + 1), f"contents of {2 * ROWS}"),
        (lambda r: r.inputs[0].shape.__setitem__(0, 2**31 - 1), "contents of fewer"),
        (lambda r: setattr(r.inputs[0], "datatype", "FP32"), "is INT64, not 'FP32'"),
        (lambda r: r.inputs[0].contents.fp32_contents.append(1), "are in .*fp32_contents; INT64 is in int64_contents"),
        (lambda r: r.raw_input_contents.append(b"x"), "contents beside raw_input_contents"),
        (lambda r: r.inputs.append(r.inputs[0]), "is given twice"),
    ],
)
def test_what_is_no_long_request(served, change, told):
    request = of_many(["INT64"])
    change(request)
    with served.stub() as stub, pytest.raises(grpc.RpcError, match=told) as caught:
        stub.ModelInfer(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_number_beyond_the_datatype(served):
    request = of_many(["INT8"])
    request.inputs[0].contents.int_contents[ROWS] = 128
    with served.stub() as stub, pytest.raises(grpc.RpcError, match="a number beyond INT8"):
        stub.ModelInfer(request)


FIELDS = {"UINT8": st.integers(0, 255), "INT64": st.integers(-(2**63), 2**63 - 1), "FP32": st.floats(width=32),
          "FP64": st.floats(), "BYTES": st.text(max_size=300).map(str.encode), "BOOL": st.booleans()}  # fmt: skip


@given(st.data())
def test_pieces_are_the_whole(data):
    """Whatever is where: packed numbers, texts short and long, and one field in several places."""
    name = data.draw(st.sampled_from(sorted(FIELDS)))
    lists = data.draw(st.lists(st.lists(FIELDS[name], max_size=40), min_size=1, max_size=4))
    count = sum(map(len, lists)) or 1
    tensor = Input(name="x", datatype=name, shape=[count])
    wire = service_pb2.ModelInferRequest(model_name="m", inputs=[tensor]).SerializeToString()
    for values in lists:  # a message that stands twice is one with the fields of both
        more = Input(contents=Contents(**{TYPED[name]: values})).SerializeToString()
        tensor.MergeFromString(more)
    wire = service_pb2.ModelInferRequest(model_name="m", inputs=[tensor]).SerializeToString()
    kind = DATATYPES[name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "PIECE", data.draw(st.sampled_from([8, 16, 64])))
        asked = Asked.of(wire, long=True)
        found = _or_problem(lambda: from_pieces("x", asked.body, asked.pieces[0], kind, [count]))
    message = service_pb2.ModelInferRequest.FromString(wire).inputs[0].contents
    expected = _or_problem(lambda: from_contents("x", message, kind, [count]))
    assert type(found) is type(expected)
    if not isinstance(found, Problem):
        np.testing.assert_array_equal(found, expected)
        again = Contents.FromString(b"".join(typed(found, kind)))
        np.testing.assert_array_equal(from_contents("x", again, kind, [count]), expected)


def _or_problem(work):
    try:
        return work()
    except Problem as problem:
        return problem


@given(st.binary(max_size=200), st.integers(0, 200), st.binary(max_size=6))
def test_bytes_that_are_no_message_are_refused(noise, at, more):
    wire = of_many(["UINT8", "BYTES"], 10).SerializeToString()
    wire = wire[:at] + more + wire[at + len(more) :] + noise
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "PIECE", 16)
        message = _or_problem(lambda: parted(wire))
        for pieces, tensor in () if isinstance(message, Problem) else zip(message[1], message[0].inputs, strict=True):
            kind = DATATYPES.get(tensor.datatype, DATATYPES["INT64"])
            _or_problem(lambda: from_pieces("x", wire, pieces, kind, [20]))  # noqa: B023


def test_others_go_on_while_typed_contents_are_read_and_written():
    for name in ("BYTES", "INT64", "FP64"):
        wire = of_many([name], 200_000).SerializeToString()
        kind = DATATYPES[name]

        def work(wire=wire, kind=kind):
            asked = Asked.of(wire, long=True)
            typed(from_pieces("x", asked.body, asked.pieces[0], kind, [400_000]), kind)

        assert longest_part(work, 0.2) < 0.2


def test_health_is_answered_while_a_long_message_is_read(served):
    """By the clock, so it says little: of the time that the call takes, the longest look at the health a part."""
    request = of_many(TYPED, 100_000)

    def part():
        with served.stub() as stub:
            calling = threading.Thread(target=stub.ModelInfer, args=(request,))
            longest, start = 0.0, time.perf_counter()
            client = HTTPConnection("127.0.0.1", served.rest, timeout=60)
            calling.start()
            while calling.is_alive():
                begun = time.perf_counter()
                client.request("GET", "/v2/health/live")
                client.getresponse().read()
                longest = max(longest, time.perf_counter() - begun)
            client.close()
        return longest / (time.perf_counter() - start)

    assert min(part() for _ in range(3)) < 0.3
