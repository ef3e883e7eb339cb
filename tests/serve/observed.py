"""A supervisor with a site beside it: what it counted, and what it logged, found again."""

import http.client
import json
import socket
import struct

import grpc
import numpy as np
import pyarrow.parquet as pq
from tritonclient.grpc import service_pb2, service_pb2_grpc

from arkwright.serve.tap.query import Wanted, find
from arkwright.sites import local

from .conftest import FLIGHTS, late_model, late_signature, write
from .supervised import Supervised
from .telemetry.conftest import samples, total

ROW = {"distance": 1200, "carrier": "UA", "delay": 4}
TENSOR = {"name": "f32", "datatype": "FP32", "shape": [1, 2], "data": [1.5, 2.5]}
BINARY = {"name": "f32", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}}
FLOATS = np.array([[1.5, 2.5]], np.float32)
PREDICT, INFER = "/endpoints/late/predict", "/v2/models/echo/infer"


class Observed(Supervised):
    """With a site, where what was logged is found again."""

    def __init__(self, folder, *args, **how):
        folder.mkdir(exist_ok=True)
        self.site = local(folder / "project")
        super().__init__(folder, *args, **how)

    def ask(self, method, path, body=b"", **headers):
        """(status, headers, bytes)."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            client.request(method, path, body, named)
            answer = client.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            client.close()

    def post(self, path, value, **headers):
        return self.ask("POST", path, json.dumps(value).encode(), **{"Content_Type": "application/json"} | headers)

    def metrics(self):
        return samples(self.ask("GET", "/metrics")[2].decode())

    def requests(self, endpoint, found=None):
        """(release, kind, code) -> how many were answered, of those that were."""
        found = found or self.metrics()
        labels = [(dict(key[1:]), value) for key, value in found.items() if key[0] == "arkwright_requests_total"]
        return {(k["release"], k["kind"], k["code"]): n for k, n in labels if k["endpoint"] == endpoint}

    def counted(self, endpoint, expected, before=()):
        """Wait until these are counted beyond those of `before`, and no others: an answer is sent, then counted."""
        before = dict(before)

        def more():
            now = self.requests(endpoint)
            return {key: n - before.get(key, 0) for key, n in now.items() if n != before.get(key, 0)}

        self.until(lambda: sum(more().values()) >= sum(expected.values()))
        assert more() == expected

    def idle(self):
        self.until(lambda: total(self.metrics(), "arkwright_in_flight") == 0)

    def logged(self, endpoint, **wanted):
        folder, out = self.site.predictions / endpoint, self.folder / "found.parquet"
        with self.site.scratch("find") as scratch:
            find(folder, self.site.store, self.site.tables, scratch, Wanted(**wanted), out)
        return pq.read_table(out).to_pylist()

    def found(self, endpoint, id_, rows=1):
        """What is logged of one answer: it is on the disk a second later, and to look takes a twentieth of one."""
        found = []

        def there():
            found[:] = self.logged(endpoint, id=id_)
            return len(found) >= rows

        self.until(there, every=0.2)
        assert len(found) == rows
        return found[0] if rows == 1 else found

    def bytes_on_disk(self, endpoint):
        return b"".join(p.read_bytes() for p in (self.site.predictions / endpoint).rglob("*") if p.is_file())

    def reset(self, path, body):
        """Send a request whole and reset the connection."""
        data = json.dumps(body).encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.sendall(
                b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(data))
            )
            sock.sendall(data)

    def infer(self, *, raw, metadata=(), endpoint="echo"):
        """(answer, trailing metadata) of a call over gRPC."""
        tensor = service_pb2.ModelInferRequest.InferInputTensor(name="f32", datatype="FP32", shape=[1, 2])
        if not raw:
            tensor.contents.fp32_contents.extend([1.5, 2.5])
        sent = [FLOATS.tobytes()] if raw else []
        asked = service_pb2.ModelInferRequest(model_name=endpoint, inputs=[tensor], raw_input_contents=sent)
        with grpc.insecure_channel(self.grpc, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            answer, call = stub.ModelInfer.with_call(asked, metadata=metadata, timeout=60)
            return answer, dict(call.trailing_metadata())


def late(folder, function="polars_features"):
    return write(folder, late_signature(function), late_model(), FLIGHTS)


def binary(server, path=INFER, **headers):
    head = json.dumps({"inputs": [BINARY], "outputs": [{"name": "f32_out", "parameters": {"binary_data": True}}]})
    body = head.encode() + FLOATS.tobytes()
    return server.ask("POST", path, body, **{"Inference_Header_Content_Length": str(len(head))} | headers)
