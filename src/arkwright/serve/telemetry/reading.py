"""What a server's /metrics says of its traffic: two looks at the counters, and what happened between them."""

import http.client
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from arkwright.core.errors import Invalid, Unknown

MOST = 32 * 2**20  # bytes of an answer
PATIENCE = 5.0
Labels = frozenset[tuple[str, str]]
Sample = dict[str, dict[Labels, float]]  # metric to labels to value


@dataclass(frozen=True, slots=True)
class Row:
    """A release of an endpoint in one window. Times in milliseconds, None where nothing was answered. Of a shadow,
    what it does with its copies of requests.
    """

    endpoint: str
    release: str
    share: float
    shadow: bool  # now
    requests_per_s: float
    copies_per_s: float  # answered by a shadow, to nobody
    errors_per_s: float  # answers of 400 and above
    failed_per_s: float  # of them, those of 500 and above: not the caller's mistakes
    rows_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    in_flight: int
    batch_rows: float | None  # mean of a run
    queue_age_ms: float
    dropped: int  # of the tap and the shadow, in the window


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker: processors it used in the window, memory, how often it followed one that died or was replaced."""

    worker: str
    cpu: float
    resident_bytes: int
    died: int
    replaced: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """One window of a server's life. `gone` says why there is none: the server did not answer."""

    url: str
    seconds: float
    rows: tuple[Row, ...]
    workers: tuple[WorkerRow, ...]
    gone: str = ""


def watch(url: str, every: float = 1.0) -> Iterator[Traffic]:
    """A Traffic after each window, without end. Raises Unknown when nobody answers at the start, Invalid for a URL that
    is none; later silence is told in `gone`.
    """
    if not 0.1 <= every <= 3600:
        raise Invalid(f"a window of {every:g} seconds is none; it lasts from 0.1 to 3600 seconds")
    before, then = poll(url), time.monotonic()
    while True:
        time.sleep(max(0.0, then + every - time.monotonic()))
        try:
            now, at = poll(url), time.monotonic()
        except Unknown as error:
            then = time.monotonic()
            yield Traffic(url, every, (), (), gone=str(error))
            continue
        yield between(url, before, now, at - then)
        before, then = now, at


def poll(url: str) -> Sample:
    """One look at /metrics. Raises Unknown when it is not there."""
    return parsed(_get(url), url)


def since_start(body: bytes) -> tuple[Row, ...]:
    """What /metrics says of each release since its server began: the rates are counts. Raises Unknown."""
    return between("", {}, parsed(body, "the socket"), 1.0).rows


def parsed(body: bytes, url: str) -> Sample:
    """What /metrics said at `url`. Raises Unknown where it is not ours."""
    from prometheus_client.parser import text_string_to_metric_families

    found: Sample = defaultdict(dict)
    try:
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                found[sample.name][frozenset(sample.labels.items())] = sample.value
    except ValueError:
        raise Unknown(f"what answers at {url} tells no metrics; is it an Arkwright server?") from None
    if "arkwright_build_info" not in found:
        raise Unknown(f"what answers at {url} is no Arkwright server; give its address: arkwright top URL")
    return found


def between(url: str, before: Sample, now: Sample, seconds: float) -> Traffic:
    """What happened between two looks. A counter that went back belongs to a new server, and began at 0."""
    grown = {
        name: {labels: _growth(value, before.get(name, {}).get(labels, 0.0)) for labels, value in values.items()}
        for name, values in now.items()
    }
    of = {(dict(k)["endpoint"], dict(k)["release"]) for k in now["arkwright_in_flight"]}
    rows = tuple(_row(endpoint, release, now, grown, seconds) for endpoint, release in sorted(of))
    workers = tuple(
        WorkerRow(
            worker=dict(labels)["worker"],
            cpu=grown["arkwright_worker_cpu_seconds_total"][labels] / seconds,
            resident_bytes=int(now["arkwright_worker_resident_bytes"][labels]),
            died=_restarts(now, labels, "died"),
            replaced=_restarts(now, labels, "replaced"),
        )
        for labels, up in sorted(now.get("arkwright_worker_up", {}).items(), key=lambda item: sorted(item[0]))
        if up
    )
    return Traffic(url, seconds, rows, workers)


def quantile(buckets: Mapping[float, float], part: float) -> float | None:
    """From a cumulative histogram, straight within a bucket, as Prometheus' `histogram_quantile` does."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if not total:
        return None
    low, below = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= part * total:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (part * total - below) / (buckets[bound] - below)
        low, below = bound, buckets[bound]
    return low


def _row(endpoint: str, release: str, now: Sample, grown: Sample, seconds: float) -> Row:
    mine = {("endpoint", endpoint), ("release", release)}

    def all_of(name: str) -> list[tuple[dict[str, str], float]]:
        return [(dict(labels), value) for labels, value in grown.get(name, {}).items() if mine <= labels]

    def one(sample: Sample, name: str) -> float:
        return sample.get(name, {}).get(frozenset(mine), 0.0)

    requests, copies = all_of("arkwright_requests_total"), all_of("arkwright_shadow_answers_total")
    buckets: dict[float, float] = defaultdict(float)
    for labels, n in all_of("arkwright_request_seconds_bucket") + all_of("arkwright_shadow_seconds_bucket"):
        buckets[float(labels["le"])] += n
    runs = one(grown, "arkwright_batch_rows_count")
    p50, p95, p99 = (None if (found := quantile(buckets, part)) is None else found * 1000 for part in (0.5, 0.95, 0.99))
    return Row(
        endpoint=endpoint,
        release=release,
        share=one(now, "arkwright_endpoint_share"),
        shadow=one(now, "arkwright_endpoint_shadow") > 0,
        requests_per_s=sum(n for _, n in requests) / seconds,
        copies_per_s=sum(n for _, n in copies) / seconds,
        errors_per_s=sum(n for labels, n in requests + copies if labels["code"] != "200") / seconds,
        failed_per_s=sum(n for labels, n in requests + copies if labels["code"][:1] == "5") / seconds,
        rows_per_s=(one(grown, "arkwright_rows_total") + one(grown, "arkwright_shadow_rows_total")) / seconds,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        in_flight=int(one(now, "arkwright_in_flight")),
        batch_rows=one(grown, "arkwright_batch_rows_sum") / runs if runs else None,
        queue_age_ms=one(now, "arkwright_queue_age_seconds") * 1000,
        dropped=int(one(grown, "arkwright_tap_dropped_total") + one(grown, "arkwright_shadow_dropped_total")),
    )


def _restarts(now: Sample, labels: Labels, cause: str) -> int:
    return int(now["arkwright_worker_restarts_total"].get(labels | {("cause", cause)}, 0))


def _growth(now: float, before: float) -> float:
    return now - before if now >= before else now


def _get(url: str) -> bytes:
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.scheme not in ("http", "https"):
        raise Invalid(f"{url[:100]!r} is no server's address; it looks like http://127.0.0.1:8000")
    kind: Any = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/metrics", headers={"Accept": "text/plain"})
        response = connection.getresponse()
        body: bytes = response.read(MOST)
        if response.status != 200:
            raise Unknown(f"{url} answers {response.status} for /metrics{_reason(body)}")
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Unknown(
            f"nothing answers at {url} ({why}); start it with: arkwright serve, or say where it is: arkwright top URL"
        ) from None
    else:
        return body
    finally:
        connection.close()


def _reason(body: bytes) -> str:
    try:
        return f": {json.loads(body)['error']}"
    except (ValueError, TypeError, KeyError):
        return ""
