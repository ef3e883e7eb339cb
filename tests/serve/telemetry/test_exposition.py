"""What /metrics says is what parsers of others read."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from arkwright.serve.telemetry import layout
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.slot import Slot

TYPES = {
    "arkwright_requests": "counter", "arkwright_rows": "counter", "arkwright_request_seconds": "histogram",
    "arkwright_batch_rows": "histogram", "arkwright_in_flight": "gauge", "arkwright_queue_age_seconds": "gauge",
    "arkwright_endpoint_share": "gauge", "arkwright_endpoint_shadow": "gauge",
    "arkwright_shadow_runs": "counter", "arkwright_shadow_dropped": "counter",
    "arkwright_shadow_answers": "counter", "arkwright_shadow_seconds": "histogram", "arkwright_shadow_rows": "counter",
    "arkwright_tap_records": "counter", "arkwright_tap_dropped": "counter",
    "arkwright_tap_left_out": "counter", "arkwright_rate_limited": "counter",
    "arkwright_worker_up": "gauge", "arkwright_worker_resident_bytes": "gauge",
    "arkwright_worker_restarts": "counter", "arkwright_worker_cpu_seconds": "counter",
    "arkwright_access_log_lines": "counter", "arkwright_access_log_lines_dropped": "counter",
    "arkwright_spans": "counter", "arkwright_spans_dropped": "counter",
}  # fmt: skip


def counted(counters, release="release:late@3"):
    slot = Slot(counters, 0)
    series = slot.series(counters.declare("late", {release: 0.5}, 1)[release])
    for seconds in (0.0001, 0.02, 30.0):
        series.begin()
        series.observe(layout.PREDICT, 200, seconds, 1)
    return Exposition(counters)


def test_the_prometheus_format_is_the_default_and_has_the_right_types(counters):
    kind, body = counted(counters).render()
    assert kind.startswith("text/plain; version=0.0.4")
    assert {f.name: f.type for f in prometheus(body.decode())} == TYPES | {"arkwright_build_info": "gauge"}


def test_openmetrics_for_those_who_ask(counters):
    kind, body = counted(counters).render("application/openmetrics-text; version=1.0.0; q=0.9, text/plain;q=0.5")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert {f.name: f.type for f in openmetrics(body.decode())} == TYPES | {"arkwright_build": "info"}


def test_histograms_are_cumulative_and_end_with_the_count(counters):
    _, body = counted(counters).render()
    [family] = [f for f in prometheus(body.decode()) if f.name == "arkwright_request_seconds"]
    mine = [s for s in family.samples if s.labels["endpoint"] == "late"]
    buckets = [(float(s.labels["le"]), s.value) for s in mine if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert [n for bound, n in buckets if bound in (7e-5, 1e-4, 0.015, 0.02, 10, float("inf"))] == [0, 1, 1, 2, 2, 3]
    assert [s.value for s in mine if s.name.endswith("_count")] == [3]


def test_labels_are_escaped(counters):
    hostile = 'a"\\\n} 1 # HELP x'
    for parse, accept in ((prometheus, ""), (openmetrics, "application/openmetrics-text")):
        _, body = counted(counters, hostile).render(accept)
        assert hostile in {s.labels.get("release") for f in parse(body.decode()) for s in f.samples}


def test_help_and_type_come_once_for_each(counters):
    _, body = counted(counters).render()
    heads = [line for line in body.decode().splitlines() if line.startswith("#")]
    assert len(heads) == len(set(heads)) == 2 * (len(TYPES) + 1)


def test_what_a_shadow_answers_is_no_request_of_a_callers(counters):
    slot = Slot(counters, 0)
    number = counters.declare("late", {"release:late@3": 1.0, "release:late@4": 0.0}, 1)["release:late@4"]
    series = slot.series(number, shadow=True)
    for status in (200, 200, 422):
        series.begin()
        series.observe(layout.INFER, status, 0.02, 5)
    for _ in range(2):
        series.begin()
    series.observe_good(layout.PREDICT, [0.01, 0.03], 7)
    series.refused(layout.PREDICT)
    found = {
        (s.name, s.labels.get("code")): s.value
        for f in prometheus(Exposition(counters).render()[1].decode())
        for s in f.samples
        if s.labels.get("release") == "release:late@4" and s.value and "le" not in s.labels
    }
    assert found == {
        ("arkwright_shadow_answers_total", "200"): 4, ("arkwright_shadow_answers_total", "422"): 1,
        ("arkwright_shadow_answers_total", "503"): 1, ("arkwright_shadow_seconds_count", None): 4,
        ("arkwright_shadow_seconds_sum", None): 0.08, ("arkwright_shadow_rows_total", None): 17,
        ("arkwright_endpoint_shadow", None): 1,
    }  # fmt: skip
