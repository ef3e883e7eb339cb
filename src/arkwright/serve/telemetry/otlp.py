"""Spans to a collector, by OTLP over HTTP, from a thread of its own. A collector that is slow or gone costs spans."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from arkwright.core.errors import Invalid, Missing
from arkwright.core.visible import visible
from arkwright.serve.telemetry.traces import Span, Spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, TraceState

BATCH = 512
PATIENCE = 5.0  # seconds in which a collector must take a batch, tries included
log = logging.getLogger("arkwright.serve")


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment names a collector."""
    return any(environment.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in ("", "TRACES_"))


def must_be_possible(url: str) -> None:
    """Raises Missing without the extra, Invalid for an address that is none; asks no collector, imports nothing."""
    _parts(url)
    if find_spec("opentelemetry") is None:
        raise _missing()


def _parts(url: str) -> SplitResult:
    with contextlib.suppress(ValueError):  # of a port that is none, or half an IPv6 address
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    raise Invalid(f"{url[:100]!r} is no collector's address; it looks like http://127.0.0.1:4318")


def _missing() -> Missing:
    return Missing("traces need OpenTelemetry; pip install 'arkwright[otel]'")


class Sender:
    """Sends what is in `spans` about once a second. `sent` and `failed` count spans."""

    def __init__(self, spans: Spans, url: str | None = None) -> None:
        """`url` is a collector's address, like http://127.0.0.1:4318; without one the environment names it.

        Raises Missing without the extra, Invalid for an address that is none.
        """
        self.sent = self.failed = 0
        self._spans = spans
        self._exporter = _exporter(url)
        self._make = _Maker()
        self._stop = threading.Event()
        self._well = True
        self._thread = threading.Thread(target=self._run, name="arkwright-otlp", daemon=True)
        self._thread.start()

    def close(self, patience: float = 2 * PATIENCE) -> None:
        """Send what is there, if the collector takes it in time."""
        self._stop.set()
        self._thread.join(patience)
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            self._send()
        self._send()

    def _send(self) -> None:
        while taken := self._spans.take(BATCH):
            try:
                well = self._exporter.export([one for span in taken for one in self._make(span)]).name == "SUCCESS"
            except Exception:
                log.exception("spans could not be sent")
                well = False
            if well:
                self.sent += len(taken)
            else:
                self.failed += len(taken)
            if well != self._well:
                self._well = well
                log.warning("the trace collector %s", "answers again" if well else "does not take spans; they are lost")
            if not well and self._stop.is_set():
                return


def _exporter(url: str | None) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise _missing() from None
    if url is not None:
        path = _parts(url).path
        url = url if path.strip("/") else f"{url.rstrip('/')}/v1/traces"
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells each failure and quotes callers' headers
    return OTLPSpanExporter(endpoint=url, timeout=PATIENCE)


class _Maker:
    """Makes OpenTelemetry's spans of ours: a server span, and a child for each phase."""

    def __init__(self) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        named = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "arkwright"})
        self._resource, self._scope = named, InstrumentationScope("arkwright.serve")

    def __call__(self, span: Span) -> "Iterator[ReadableSpan]":
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.status import Status, StatusCode

        def wall(clock: int) -> int:
            return span.wall + clock - span.began

        state = _state(span)
        mine = _context(span, span.span_id, state)
        yield ReadableSpan(
            span.name,
            mine,
            _context(span, span.parent_id, state) if span.parent_id else None,
            self._resource,
            {key: visible(value) if isinstance(value, str) else value for key, value in span.facts.items()},
            kind=SpanKind.SERVER,
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=span.wall,
            end_time=wall(span.ended),
            instrumentation_scope=self._scope,
        )
        before = span.began
        for i, (phase, ended) in enumerate(span.marks, 1):
            child = f"{(int(span.span_id, 16) + i) % 2**64 or 1:016x}"
            yield ReadableSpan(
                phase,
                _context(span, child, state),
                mine,
                self._resource,
                start_time=wall(before),
                end_time=wall(ended),
                instrumentation_scope=self._scope,
            )
            before = ended


def _context(span: Span, span_id: str, state: "TraceState") -> "SpanContext":
    from opentelemetry.trace import SpanContext, TraceFlags

    remote = span_id == span.parent_id
    return SpanContext(int(span.trace_id, 16), int(span_id, 16), remote, TraceFlags(TraceFlags.SAMPLED), state)


def _state(span: Span) -> "TraceState":
    """The header as it was sent, or nothing of one that is wrong or longer than the standard asks anybody to keep."""
    from opentelemetry.trace import TraceState

    sent = span.state
    return TraceState.from_header([sent.decode("ascii")] if sent.isascii() and len(sent) <= 512 else [])
