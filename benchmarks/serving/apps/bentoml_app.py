"""A BentoML service: typed in and out."""

import os

import bentoml
import numpy as np
import onnxruntime as ort


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Points:
    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    @bentoml.api
    async def predict(self, rows: list[list[float]]) -> list[float]:
        (answers,) = self.session.run(None, {self.name: np.asarray(rows, dtype=np.float32)})
        return answers.ravel().tolist()
