"""`/metrics`: what all workers counted, in the Prometheus text format, or in OpenMetrics for those who ask for it."""

import platform
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from arkwright.serve.telemetry import layout as at
from arkwright.serve.telemetry.counters import OTHER_SERIES, Counters, Record

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

Told = tuple[tuple[str, str], list[float]]  # endpoint and release, and the numbers of all workers together
_OF = ("endpoint", "release")
_COUNTERS = (
    (at.ROWS, "rows", "Rows answered."),
    (at.SHADOW_RUNS, "shadow_runs", "Requests that a shadow release computed too."),
    (at.SHADOW_DROPS, "shadow_dropped", "Requests that a shadow release left out, so as to delay nobody."),
    (at.SHADOW_ROWS, "shadow_rows", "Rows that a shadow release answered, to nobody."),
    (at.TAP_RECORDS, "tap_records", "Answers written to the log of predictions."),
    (at.TAP_DROPS, "tap_dropped", "Answers lost to the log of predictions: no memory, or no disk."),
    (at.TAP_LEFT_OUT, "tap_left_out", "Answers that are not in the sample that is logged."),
    (at.RATE_LIMITED, "rate_limited", "Requests refused because their client sent too many."),
)
_PROCESS = (
    (at.LOG_LINES, at.LOG_FULL, at.LOG_FAILED, "access_log_lines", "Lines of the access log"),
    (at.SPANS, at.SPANS_FULL, at.SPANS_FAILED, "spans", "Spans"),
)


class Exposition:
    """Answers for all workers of a server. The Prometheus client is imported with the first question."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def render(self, accept: str = "") -> tuple[str, bytes]:
        """The content type and the body."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        encoder, kind = choose_encoder(accept)
        return kind, encoder(registry)

    def collect(self) -> Iterator["Metric"]:
        """Every metric, from one look at the numbers."""
        counters = self._counters
        up = [counters.is_up(slot) for slot in range(counters.slots)]
        ever = [slot for slot in range(counters.slots) if counters.process(slot)[at.STARTS]]
        records = counters.records()
        told = list(_told(counters, records, ever, up))
        yield from _requests(told)
        yield from _gauges(told, records)
        yield from _workers(counters, ever, up)
        yield from self._build()

    def _build(self) -> Iterator["Metric"]:
        from importlib.metadata import version

        from prometheus_client.metrics_core import InfoMetricFamily

        info = InfoMetricFamily("arkwright_build", "What answers.")
        info.add_metric([], {"version": version("arkwright"), "python": platform.python_version()})
        yield info


def _told(counters: Counters, records: Sequence[Record], ever: Sequence[int], up: Sequence[bool]) -> Iterator[Told]:
    others = [0.0] * at.END
    for record in records:
        sums = [0.0] * at.END
        for slot in ever:
            block = counters.block(slot, record.number)
            if not up[slot]:  # what a dead worker held in flight is not in flight
                for gauge in at.GAUGES:
                    block[gauge] = 0
            age = max(sums[at.QUEUE_AGE], block[at.QUEUE_AGE])
            sums = [a + b for a, b in zip(sums, block, strict=True)]
            sums[at.QUEUE_AGE] = age
        if record.retired or record.endpoint == OTHER_SERIES:
            others = [a + b for a, b in zip(others, sums, strict=True)]
        else:
            yield (record.endpoint, record.release), sums
    if any(others):
        yield (OTHER_SERIES, ""), others


def _requests(told: Sequence[Told]) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

    requests = CounterMetricFamily("arkwright_requests", "Requests answered.", labels=(*_OF, "kind", "code"))
    latency = HistogramMetricFamily(
        "arkwright_request_seconds", "From the whole request to its answer, of those answered with 200.", labels=_OF
    )
    batch = HistogramMetricFamily("arkwright_batch_rows", "Rows in one run of the model.", labels=_OF)
    for labels, n in told:
        word = at.REQUESTS
        for kind in at.KINDS:
            for code in at.CODE_NAMES:
                if n[word]:
                    requests.add_metric((*labels, kind, code), n[word])
                word += 1
        latency.add_metric(labels, _buckets(at.LATENCY_BOUNDS, n, at.LATENCY), n[at.LATENCY_SUM])
        batch.add_metric(labels, _buckets(at.BATCH_BOUNDS, n, at.BATCH), n[at.BATCH_SUM])
    yield from (requests, latency, batch, *_shadows(told))
    for word, name, help_text in _COUNTERS:
        family = CounterMetricFamily(f"arkwright_{name}", help_text, labels=_OF)
        for labels, n in told:
            family.add_metric(labels, n[word])
        yield family


def _shadows(told: Sequence[Told]) -> Iterator["Metric"]:
    """Of releases that answered nobody, and of no others."""
    from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

    answers = CounterMetricFamily("arkwright_shadow_answers", "Answers of a shadow, to nobody.", labels=(*_OF, "code"))
    latency = HistogramMetricFamily("arkwright_shadow_seconds", "How long a shadow took to answer 200.", labels=_OF)
    for labels, n in told:
        codes = dict(zip(at.CODE_NAMES, n[at.SHADOW_ANSWERS : at.SHADOW_LATENCY], strict=True))
        for code, count in codes.items():
            if count:
                answers.add_metric((*labels, code), count)
        if any(codes.values()):
            latency.add_metric(labels, _buckets(at.LATENCY_BOUNDS, n, at.SHADOW_LATENCY), n[at.SHADOW_SUM])
    yield from (answers, latency)


def _buckets(bounds: Sequence[float], numbers: Sequence[float], start: int) -> list[tuple[str, float]]:
    """Cumulative, as the format wants them."""
    found, total = [], 0.0
    for i, bound in enumerate((*map(str, bounds), "+Inf")):
        total += numbers[start + i]
        found.append((bound, total))
    return found


def _gauges(told: Sequence[Told], records: Sequence[Record]) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    flight = GaugeMetricFamily("arkwright_in_flight", "Requests being answered.", labels=_OF)
    age = GaugeMetricFamily("arkwright_queue_age_seconds", "Wait of the oldest request of the last batch.", labels=_OF)
    share = GaugeMetricFamily("arkwright_endpoint_share", "Part of an endpoint's traffic for a release.", labels=_OF)
    shadow = GaugeMetricFamily("arkwright_endpoint_shadow", "1 while the release is a shadow.", labels=_OF)
    for labels, n in told:
        flight.add_metric(labels, n[at.IN_FLIGHT])
        age.add_metric(labels, n[at.QUEUE_AGE])
    for record in records:
        if record.number > at.OTHERS and not record.retired:
            share.add_metric((record.endpoint, record.release), record.share)
            shadow.add_metric((record.endpoint, record.release), float(record.current and not record.share))
    yield from (flight, age, share, shadow)


def _workers(counters: Counters, ever: Sequence[int], up: Sequence[bool]) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily

    of = ("worker",)
    alive = GaugeMetricFamily("arkwright_worker_up", "1 while the worker runs.", labels=of)
    resident = GaugeMetricFamily("arkwright_worker_resident_bytes", "Memory of the worker.", labels=of)
    starts = CounterMetricFamily(
        "arkwright_worker_restarts",
        "Workers that followed one before them, which died or was replaced.",
        labels=(*of, "cause"),
    )
    cpu = CounterMetricFamily("arkwright_worker_cpu_seconds", "Processor time of the worker and of those before it.",
                              labels=of)  # fmt: skip
    written = [CounterMetricFamily(f"arkwright_{name}", f"{what} written.", labels=of) for *_, name, what in _PROCESS]
    dropped = [
        CounterMetricFamily(f"arkwright_{name}_dropped", f"{what} lost.", labels=(*of, "reason"))
        for *_, name, what in _PROCESS
    ]
    for slot in ever:
        n, label = counters.process(slot), str(slot)
        alive.add_metric([label], float(up[slot]))
        resident.add_metric([label], n[at.RESIDENT] if up[slot] else 0)
        starts.add_metric([label, "died"], n[at.DIED])
        starts.add_metric([label, "replaced"], n[at.REPLACED])
        cpu.add_metric([label], n[at.CPU])
        for (done, full, failed, _, _), lines, lost in zip(_PROCESS, written, dropped, strict=True):
            lines.add_metric([label], n[done])
            lost.add_metric([label, "full"], n[full])
            lost.add_metric([label, "failed"], n[failed])
    yield from (alive, resident, starts, cpu, *written, *dropped)
