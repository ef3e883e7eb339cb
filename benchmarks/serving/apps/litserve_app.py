"""LitServe's way: decode, predict, encode."""

import os

import litserve as ls
import numpy as np
import onnxruntime as ort


class Points(ls.LitAPI):
    def setup(self, device):  # noqa: ARG002 - LitServe's name
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
        self.name = self.session.get_inputs()[0].name

    def decode_request(self, request):
        return np.asarray(request["rows"], dtype=np.float32)

    def predict(self, x):
        return self.session.run(None, {self.name: x})[0]

    def encode_response(self, output):
        return {"predictions": output.ravel().tolist()}


if __name__ == "__main__":
    server = ls.LitServer(Points(), accelerator="cpu", workers_per_device=1)
    port = int(os.environ["PORT"])
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning", access_log=False)
