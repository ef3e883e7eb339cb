"""A worker with everything on: what it counts, logs and traces agrees."""

import json

from arkwright.serve.telemetry import layout

from .conftest import total
from .test_traces import CALLER, TRACE, Receiver


def test_counters_log_and_traces_of_one_worker_agree(workers, tmp_path):
    receiver = Receiver()
    try:
        workers.start(0, "--access-log", tmp_path / "log", "--otlp", receiver.url)
        for i in range(9):
            workers.ask(traceparent=f"00-{TRACE}-{CALLER}-01", x_id=f"id-{i}")
        workers.ask("GET", "/nothing", traceparent=f"00-{TRACE}-{CALLER}-00")
        workers.stop(0)
        spans = receiver.spans(9 * 5)
    finally:
        receiver.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["status"] for line in lines] == [200] * 9 + [404]
    assert [line["request_id"] for line in lines] == [f"id-{i}" for i in range(9)] + [""]
    assert {line["trace_id"] for line in lines} == {TRACE} == {span.trace_id.hex() for span in spans}
    assert [line["release"] for line in lines] == ["release:late@3"] * 9 + [""]
    workers.start(0)
    found = workers.metrics()
    assert total(found, "arkwright_requests_total", endpoint="late") == 9
    assert total(found, "arkwright_access_log_lines_total", worker="0") == 10
    assert total(found, "arkwright_spans_total", worker="0") == 9
    assert total(found, "arkwright_in_flight") == 0
    assert total(found, "arkwright_endpoint_share", release="release:late@3") == 0.9
    workers.stop(0)  # it wrote no line and sent no span, and keeps what was counted before it
    process = workers.counters.process(0)
    assert (process[layout.LOG_LINES], process[layout.SPANS]) == (10, 9)


def test_a_log_that_cannot_be_written_fails_no_request(workers):
    workers.start(0, "--access-log", "/dev/full")
    assert {workers.ask()[0] for _ in range(20)} == {200}
    workers.stop(0)
    workers.start(0)
    assert total(workers.metrics(), "arkwright_access_log_lines_dropped_total", reason="failed") == 20
