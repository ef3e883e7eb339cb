"""Where spans are sent to."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Receiver:
    """An OTLP receiver over HTTP: `spans` has what arrived. `answers`: its status."""

    def __init__(self):
        self.arrived, self.answers = Queue(), 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                if receiver.answers == 200:
                    receiver.arrived.put((self.path, ExportTraceServiceRequest.FromString(body)))
                self.send_response(receiver.answers)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def spans(self, count=0):
        """So many, and all that are there."""
        found = []
        while len(found) < count or not self.arrived.empty():
            path, request = self.arrived.get(timeout=60)
            assert path == "/v1/traces"
            for resource in request.resource_spans:
                names = {a.key: a.value.string_value for a in resource.resource.attributes}
                assert names["service.name"] == "arkwright"
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def attributes(span):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}
