"""KServe's Python server with a model of one's own, asked by the Open Inference Protocol."""

import logging
import os

import onnxruntime as ort
from kserve import InferOutput, InferResponse, Model, ModelServer


class Points(Model):
    def load(self):
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.ready = True
        return True

    async def predict(self, payload, headers=None, response_headers=None):  # noqa: ARG002 - KServe's names
        (answers,) = self.session.run(None, {self.input: payload.inputs[0].as_numpy()})
        output = InferOutput(name="variable", shape=list(answers.shape), datatype="FP32")
        output.set_data_from_numpy(answers, binary_data=False)
        return InferResponse(response_id=payload.id or "0", model_name=self.name, infer_outputs=[output])


if __name__ == "__main__":
    logging.disable(logging.INFO)
    model = Points("points")
    model.load()
    ModelServer(http_port=int(os.environ["PORT"]), enable_grpc=False, workers=1, access_log_format=None).start([model])
