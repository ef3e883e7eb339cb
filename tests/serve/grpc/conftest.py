"""Servers in processes of their own, so that their messages and those of the clients never meet."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from onnx import TensorProto, helper
from tests.serve.conftest import echo_release, proto, value, write
from tests.serve.model.test_guards import release as guarded_release
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature, Tensor
from arkwright.serve.grpc.tensors import TYPED

LONG = 60  # seconds after which something has gone wrong
TYPES = {
    "BOOL": (TensorProto.BOOL, np.array([[True, False], [False, True]])),
    "UINT8": (TensorProto.UINT8, np.array([[0, 255], [1, 2]], np.uint8)),
    "UINT16": (TensorProto.UINT16, np.array([[0, 2**16 - 1], [1, 2]], np.uint16)),
    "UINT32": (TensorProto.UINT32, np.array([[0, 2**32 - 1], [1, 2]], np.uint32)),
    "UINT64": (TensorProto.UINT64, np.array([[0, 2**64 - 1], [3, 4]], np.uint64)),
    "INT8": (TensorProto.INT8, np.array([[-128, 127], [0, 1]], np.int8)),
    "INT16": (TensorProto.INT16, np.array([[-(2**15), 2**15 - 1], [0, 1]], np.int16)),
    "INT32": (TensorProto.INT32, np.array([[-(2**31), 2**31 - 1], [0, 1]], np.int32)),
    "INT64": (TensorProto.INT64, np.array([[-(2**63), 2**63 - 1], [0, 1]], np.int64)),
    "FP16": (TensorProto.FLOAT16, np.array([[0.5, -2.0], [65504, 6e-8]], np.float16)),
    "FP32": (TensorProto.FLOAT, np.array([[0.1, -0.0], [3.4e38, 1e-45]], np.float32)),
    "FP64": (TensorProto.DOUBLE, np.array([[0.1, 1e308], [5e-324, -1.5]], np.float64)),
    "BYTES": (TensorProto.STRING, np.array([["a", "é"], ["", "\U0001f600\x00"]], dtype=object)),
}
KINDS = {"BOOL": "bool", "BYTES": "str", "FP16": "float", "FP32": "float", "FP64": "float"}


def echo_types(folder, names):
    """A graph that gives back one input (n, 2) of each of these datatypes, called as its type."""
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in names]
    inputs, outputs = ([value(n + end, TYPES[n][0], ["n", 2]) for n in names] for end in ("", "_out"))
    tensors = [tuple(Tensor(name=n + end, datatype=n) for n in names) for end in ("", "_out")]
    columns = tuple(Column(name=n, type=KINDS.get(n, "int")) for n in names)
    signature = Signature(
        model="all", task="regression", target="y", columns=columns, inputs=tensors[0], outputs=tensors[1]
    )
    return write(folder, signature, proto(inputs, outputs, nodes))


class Serving:
    """The process, what it says, and stubs for it. `folders`: endpoint -> version -> release folder. `observed`: an
    empty folder for counters, where they are wanted.
    """

    def __init__(self, folders, observed="", **limits):
        self._arguments = [json.dumps(folders, default=str), json.dumps(limits), str(observed)]
        self._lines = queue.Queue()
        self._stopped = False

    def __enter__(self):
        command = [sys.executable, "-W", "error", Path(__file__).with_name("serving.py"), *self._arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)
        self._errors = []
        self._threads = [
            threading.Thread(target=self._hear),
            threading.Thread(target=lambda: self._errors.extend(self.process.stderr)),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self.port, self.rest = map(int, self._lines.get(timeout=LONG))
        except (queue.Empty, ValueError):
            self._end()
            raise AssertionError(self.errors) from None
        self.target = f"127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LONG)
        self._end()
        assert self.process.returncode == 0, self.errors
        assert "Traceback" not in self.errors, self.errors

    def stop(self):
        """Once: a second signal could come when the first one's handler is gone."""
        if not self._stopped:
            self.process.terminate()
        self._stopped = True

    def _end(self):
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def _hear(self):
        for line in self.process.stdout:
            self._lines.put(line.split())
        self._lines.put(["ended"])

    @property
    def errors(self):
        return "".join(self._errors)

    def wait(self, *words):
        """Read on until it says this."""
        said = []
        while not said or said[-1] != list(map(str, words)):
            said.append(self._lines.get(timeout=LONG))
        return said

    def said(self):
        """What it has said since, without waiting."""
        return [self._lines.get() for _ in range(self._lines.qsize())]

    def go(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    @contextlib.contextmanager
    def channel(self, **options):
        given = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(self.target, options=given, **options) as channel:
            yield channel

    @contextlib.contextmanager
    def stub(self, **options):
        with self.channel(**options) as channel:
            yield service_pb2_grpc.GRPCInferenceServiceStub(channel)

    @contextlib.contextmanager
    def triton(self):
        with triton.InferenceServerClient(self.target) as client:
            yield client


def rows(count, first=0.0, model="f32", **fields):
    """A request of so many rows for the endpoint that gives back FP32 (n, 2)."""
    data = np.arange(first, first + 2 * count, dtype=np.float32)
    tensor = service_pb2.ModelInferRequest.InferInputTensor(name="f32", datatype="FP32", shape=[count, 2])
    return service_pb2.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[data.tobytes()], **fields
    )


def answered(response):
    return np.frombuffer(response.raw_output_contents[0], np.float32)


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grpc")
    f32 = echo_release(folder / "f32", ["f32"])
    every, typed = (echo_types(folder / end, n) for end, n in (("all", TYPES), ("typed", TYPED)))
    guarded = guarded_release(folder / "guarded")
    served = {"all": {"1": every}, "f32": {"3": f32}, "two": {"1": f32, "2": f32}, "typed": {"1": typed}}
    return served | {"guarded": {"1": guarded}}


@pytest.fixture(scope="session")
def served(folders):
    """One server for the tests that leave it as it was."""
    with Serving(folders) as serving:
        yield serving
