import contextlib
import signal
import subprocess
import sys

import msgspec
import onnx
from onnx import TensorProto, helper

from arkwright.core.nouns import Column
from arkwright.core.ports import Served
from arkwright.core.signature import Signature, Tensor
from arkwright.testing.host import HostContract

PROGRAM = """
import sys
from pathlib import Path
import msgspec
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.sites import local

given = msgspec.json.decode(sys.argv[1])
said = [{name: Routing((Share(Served(Path(f), r, d)),)) for name, (f, r, d) in given.items()}]


def watch(held):
    return said.pop() if said else None


local(Path(sys.argv[2])).host.serve(watch, Serving(port=0), lambda address: print(address, flush=True))
"""


class TestContract(HostContract):
    @contextlib.contextmanager
    def serving(self, endpoints, log):
        given = msgspec.json.encode({n: (str(s.folder), s.release, s.digest) for n, s in endpoints.items()}).decode()
        with log.open("w") as errors:
            server = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, given, str(log.parent)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), log.read_text()
            yield address
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0, log.read_text()
        finally:
            server.kill()
            server.communicate()

    def release(self, folder):
        """A graph that adds two columns."""
        folder.mkdir()
        inputs = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n"]) for name in ("a", "b")]
        output = helper.make_tensor_value_info("value", TensorProto.DOUBLE, ["n"])
        graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["value"])], "sum", inputs, [output])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.save(model, folder / "model.onnx")
        signature = Signature(
            model="sum",
            task="regression",
            target="c",
            columns=(Column(name="a", type="float"), Column(name="b", type="float")),
            inputs=(Tensor(name="a", datatype="FP64"), Tensor(name="b", datatype="FP64")),
            outputs=(Tensor(name="value", datatype="FP64"),),
        )
        (folder / "signature.json").write_bytes(msgspec.json.encode(signature))
        return Served(folder, "release:sum@2", "ab" * 32), {"a": 1.5, "b": 2.0}
