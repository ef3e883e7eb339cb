"""A model of Triton's Python backend: all requests that wait are handed over at once."""

import os

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):  # noqa: ARG002 - Triton's name
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def execute(self, requests):
        parts = [pb_utils.get_input_tensor_by_name(r, self.input).as_numpy() for r in requests]
        (answers,) = self.session.run(None, {self.input: np.concatenate(parts)})
        ends = np.cumsum([len(p) for p in parts])
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor("value", np.ascontiguousarray(answers[end - len(p) : end]))])
            for p, end in zip(parts, ends, strict=True)
        ]
