"""A call that ends the process which computes it: known by the third time, and nobody else is taken for it."""

import platform

import grpc
import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.serve.conftest import proto, value, write
from tests.serve.supervised import Supervised
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor

from .conftest import LONG


def quotient(folder):
    """-2^63 / x of whole numbers: for -1 there is no such number, and the processor ends whoever asks for it."""
    least = helper.make_tensor("least", TensorProto.INT64, [1], [-(2**63)])
    ports = [[value(name, TensorProto.INT64, ["n", 1])] for name in ("x", "y")]
    signature = Signature(
        model="div", task="regression", target="y", columns=(Column(name="x", type="int"),),
        inputs=(Tensor(name="x", datatype="INT64"),), outputs=(Tensor(name="y", datatype="INT64"),),
    )  # fmt: skip
    return write(folder, signature, proto(*ports, [helper.make_node("Div", ["least", "x"], ["y"])], [least]))


def ended(server, x):
    """How a call of one row ends."""
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="x", datatype="INT64", shape=[1, 1])
    sent = [np.array([[x]], np.int64).tobytes()]
    asked = service_pb2.ModelInferRequest(model_name="div", inputs=[tensor], raw_input_contents=sent)
    with grpc.insecure_channel(server.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        try:
            service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(asked, timeout=LONG, wait_for_ready=True)
        except grpc.RpcError as error:
            return error.code(), error.details()
    return grpc.StatusCode.OK, ""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors have an answer to it")
def test_a_call_that_ends_workers_is_refused_and_the_others_go_on(tmp_path):
    """Where nothing is logged, too: it is known by its message."""
    releases = {"div": [(quotient(tmp_path / "div@1"), 1, 1.0)]}
    with Supervised(tmp_path / "s", releases, grpc_port=0, drain_delay=0.0) as server:
        for deaths in (1, 2, 3):
            assert ended(server, -1)[0] is grpc.StatusCode.UNAVAILABLE
            server.until(lambda: server.said("(SIGFPE); another takes its place") == deaths)  # noqa: B023
        words = "this request ended the server 3 times; it is not computed again"
        assert ended(server, -1) == (grpc.StatusCode.INVALID_ARGUMENT, words)
        assert ended(server, 1)[0] is grpc.StatusCode.OK
        assert server.said("(SIGFPE)") == 3
