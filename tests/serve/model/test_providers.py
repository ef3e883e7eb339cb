"""Where a model is computed. No GPU is needed: the list of what onnxruntime offers is a stand-in here."""

import pytest
from tests.serve.conftest import flat_release

from arkwright.serve.model import graph
from arkwright.serve.model.graph import Graph

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class Runtime:
    """onnxruntime, which says that it offers something else, and keeps what a session was to use."""

    def __init__(self, offered):
        self.offered, self.asked, self._real = offered, [], graph.runtime()
        self.SessionOptions = self._real.SessionOptions

    def get_available_providers(self):
        return self.offered

    def InferenceSession(self, data, options, providers):
        self.asked.append(providers)
        return self._real.InferenceSession(data, options, providers=[CPU])


@pytest.mark.parametrize(
    ("offered", "used"),
    [
        ([CPU], [CPU]),
        (["TensorrtExecutionProvider", CUDA, CPU], [CUDA, CPU]),
        (["AzureExecutionProvider", CPU], [CPU]),
        ([CPU, CUDA], [CUDA, CPU]),
    ],
)
def test_a_gpu_comes_first_and_what_it_cannot_run_runs_on_the_processor(tmp_path, monkeypatch, offered, used):
    stand_in = Runtime(offered)
    monkeypatch.setattr(graph, "runtime", lambda: stand_in)
    Graph(flat_release(tmp_path) / "model.onnx")
    assert stand_in.asked == [used]
