"""What the path of a request calls: `start` when its head is known, `done` when its answer is, and nothing else.

call = telemetry.start(series, layout.PREDICT, request.headers)
…
telemetry.done(call, 200, len(body), caller=…, method=…, path=…)
"""

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter, perf_counter_ns
from typing import Any

import msgspec

from arkwright.core.errors import Missing
from arkwright.serve.telemetry import layout as at
from arkwright.serve.telemetry import otlp
from arkwright.serve.telemetry.access_log import AccessLog
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.slot import Series, Slot
from arkwright.serve.telemetry.traces import Parent, Sampling, Span, Spans, parent

log = logging.getLogger("arkwright.serve")
_ROUTES = {
    at.PREDICT: ("predict", "/endpoints/{endpoint}/predict"),
    at.INFER: ("infer", "/v2/models/{model}/infer"),
    at.GRPC: ("grpc", "inference.GRPCInferenceService/ModelInfer"),
}


class Call(msgspec.Struct, eq=False):
    """One request on its way. Whoever answers sets `rows`, and `batch` (rows of the run it shared) where a span wants
    it; `span` is None unless the request is sampled.
    """

    series: Series
    kind: int
    began: float  # by perf_counter
    rows: int = 0
    batch: int = 0
    caller: Parent | None = None
    span: Span | None = None


class Telemetry:
    """Of one worker. `start` and `done` are for the loop's thread; they never raise and never wait."""

    def __init__(
        self,
        folder: Path,
        worker: int,
        *,
        access_log: str | None = None,
        collector: str | None = None,
        sampling: Sampling | None = None,
        shadow: bool = False,
        follows: str = "",
    ) -> None:
        """`folder` holds the counters that the supervisor made. `access_log` is a file or `-`. Spans are sent to
        `collector`, a URL, or to where OTEL_EXPORTER_OTLP_ENDPOINT says. `shadow`: what is answered here, is answered
        to nobody. `follows`: what became of the worker before this one, which `died` or is `replaced`.

        Raises Invalid for what cannot be opened, Missing for a `collector` without the extra `otel`; where only the
        environment asks for one, the log says what is missing. Who follows another opens the access log when it can.
        """
        self.counters = Counters(folder)
        self._log = AccessLog(access_log, later=bool(follows)) if access_log else None
        self._spans, self._sampling = Spans(), sampling or Sampling(0.0, alone=True)
        self._sender: otlp.Sender | None = None
        if collector or otlp.wanted():
            self._sampling = sampling or Sampling.from_environment()
            self._sender = self._send_to(collector)
        self.asked = self._log is not None or self._sender is not None  # whether anybody wants more than counters
        self._roots = self._sender is not None and self._sampling.ratio > 0
        self.traced = self._sender is not None
        self.shadow = shadow
        self._slot = Slot(self.counters, worker, follows)
        self._before = self._slot.words.tolist()  # what workers before this one counted in its slot
        self.nobody = self._slot.series(at.NOBODY, shadow=shadow)  # for requests that are no endpoint's
        self._exposition = Exposition(self.counters)
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._run, name="arkwright-telemetry", daemon=True)
        self._ticker.start()

    def series(self, endpoint: str, shares: Mapping[str, float], version: int = 0) -> dict[str, Series]:
        """How to count each release of an endpoint; to be asked when it is loaded and whenever it moves. `version` is
        the endpoint's in the ledger.
        """
        numbers = self.counters.declare(endpoint, shares, version)
        return {release: self._slot.series(number, shadow=self.shadow) for release, number in numbers.items()}

    def start(self, series: Series, kind: int, headers: Mapping[bytes, bytes]) -> Call:
        """A request came. `kind` is PREDICT, INFER, GRPC or OTHER_KIND of layout."""
        call = Call(series, kind, perf_counter())
        series.begin()
        if self.asked:
            sent = headers.get(b"traceparent")
            if sent is not None or self._roots:
                self._trace(call, sent, headers)
        return call

    def done(
        self,
        call: Call,
        status: int,
        size: int,
        *,
        caller: str = "",
        method: str = "",
        path: str = "",
        request_id: str = "",
    ) -> None:
        """It was answered, with so many bytes of body; once for every `start`. 499: nobody waited any more."""
        seconds = perf_counter() - call.began
        call.series.observe(call.kind, status, seconds, call.rows)
        self._more(call, status, size, seconds, caller, method, path, request_id)

    def went(
        self, series: Series, kind: int, batch: Any, ids: Sequence[bytes] | None, sizes: Sequence[int],
        seconds: Sequence[float], phases: Sequence[tuple[str, float]],
    ) -> None:  # fmt: skip
        """Requests that `native` read were answered well, and are counted: what else is wanted of each is told, as
        `done` tells it. `phases` are what they went through together, and when each ended, by the clock `monotonic`.
        """
        for job, id_, size, took in zip(batch.jobs, ids or (b"",) * batch.count, sizes, seconds, strict=True):
            call, head, sent = Call(series, kind, 0.0, job.rows, batch.rows), job.head, job.trace
            if sent is not None or self._roots:
                self._trace(call, sent, head.headers)
            if call.span is not None:
                call.span.went(job.received, (("decode", job.read), *phases))
            self._more(call, 200, size, took, job.connection.caller, head.method, head.path, id_.decode())

    def _more(
        self, call: Call, status: int, size: int, seconds: float, caller: str, method: str, path: str, request_id: str
    ) -> None:
        """What is told of a request beside its count."""
        span = call.span
        if span is not None:
            self._finish(call, span, status, size, method, path, caller)
        if self._log is not None:
            trace_id = span.trace_id if span is not None else call.caller.trace_id if call.caller is not None else ""
            self._log.add(
                caller=caller,
                method=method,
                path=path,
                status=status,
                size=size,
                seconds=seconds,
                request_id=request_id,
                release=call.series.release,
                trace_id=trace_id,
            )

    def metrics(self, accept: str = "") -> tuple[str, bytes]:
        """Content type and body of /metrics, for all workers. Takes milliseconds: not on the loop's thread."""
        return self._exposition.render(accept)

    def close(self) -> None:
        """Write and send what is left. Counters stay for the workers that go on."""
        self._stop.set()
        self._ticker.join(10.0)
        if self._sender is not None:
            self._sender.close()
        self._tell()
        if self._log is not None and not self._ticker.is_alive():
            self._log.close()
        self._slot.close()

    def _send_to(self, collector: str | None) -> otlp.Sender | None:
        try:
            return otlp.Sender(self._spans, collector)
        except Missing as missing:
            if collector:
                raise
            log.warning("no traces are sent: %s", missing)
            return None

    def _trace(self, call: Call, sent: bytes | None, headers: Mapping[bytes, bytes]) -> None:
        caller = call.caller = parent(sent) if sent is not None else None
        # what would be lost is not made: every request of a busy server may be sampled
        if self._sender is not None and self._sampling.takes(caller) and self._spans.room():
            call.span = Span(caller, headers.get(b"tracestate", b""))

    def _finish(self, call: Call, span: Span, status: int, size: int, method: str, path: str, caller: str) -> None:
        name, route = _ROUTES.get(call.kind, ("http", ""))
        span.ended = perf_counter_ns()
        span.name = f"{name} {call.series.endpoint}" if route else name
        span.failed = status >= 500
        span.facts = {
            "http.request.method": method[:16],
            "http.response.status_code": status,
            "http.response.body.size": size,
            "http.route": route,
            "url.path": path[:256],
            "client.address": caller[:64],
            "arkwright.endpoint": call.series.endpoint,
            "arkwright.release": call.series.release,
            "arkwright.rows": call.rows,
            "arkwright.batch.rows": call.batch,
        }
        self._spans.add(span)

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            with contextlib.suppress(Exception):  # telling must never end
                self._tell()

    def _tell(self) -> None:
        words = self._slot.words
        self._slot.tick()
        if self._log is not None:
            self._log.flush()
        told = (
            (at.LOG_LINES, self._log, "written"),
            (at.LOG_FULL, self._log, "full"),
            (at.LOG_FAILED, self._log, "failed"),
            (at.SPANS, self._sender, "sent"),
            (at.SPANS_FULL, self._spans, "full"),
            (at.SPANS_FAILED, self._sender, "failed"),
        )
        for word, holder, name in told:
            words[word] = self._before[word] + getattr(holder, name, 0)
