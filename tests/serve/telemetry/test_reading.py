"""What is told of a window: rates, percentiles, and nothing wrong when a server was restarted."""

import http.server
import io
import threading

import pytest
from rich.console import Console

from arkwright.cli import top_view
from arkwright.core.errors import Invalid, Unknown
from arkwright.serve.telemetry import layout, reading
from arkwright.serve.telemetry.exposition import Exposition
from arkwright.serve.telemetry.reading import between, quantile, watch
from arkwright.serve.telemetry.slot import Slot


@pytest.fixture
def answering():
    """A server that answers whatever is set, and its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(made.status)
            self.end_headers()
            self.wfile.write(made.body)

        def log_message(self, *args):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.status, made.body, made.url = 200, b"", f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize(
    ("counts", "part", "found"),
    [
        ({1.0: 0, 2.0: 0, float("inf"): 0}, 0.5, None),
        ({}, 0.5, None),
        ({1.0: 10, 2.0: 10, float("inf"): 10}, 0.5, 0.5),
        ({1.0: 0, 2.0: 10, float("inf"): 10}, 0.5, 1.5),
        ({1.0: 5, 2.0: 10, float("inf"): 10}, 0.95, 1.9),
        ({1.0: 5, 2.0: 5, float("inf"): 10}, 0.99, 2.0),  # beyond the last bound nothing is known
    ],
)
def test_percentiles_are_those_of_prometheus(counts, part, found):
    assert quantile(counts, part) == (found if found is None else pytest.approx(found))


def test_a_window_tells_what_happened_in_it(counters, answering):
    slot, exposition = Slot(counters, 0), Exposition(counters)
    series = slot.series(counters.declare("late", {"release:late@3": 1.0}, 1)["release:late@3"])

    def answer(times, status=200):
        for _ in range(times):
            series.begin()
            series.observe(layout.PREDICT, status, 0.0008, 2)
        answering.body = exposition.render()[1]
        return reading.poll(answering.url)

    before = answer(100)
    answer(40)
    series.batch(4)
    series.batch(8)
    series.tap(dropped=1)
    series.begin()
    now = answer(10, 503)
    traffic = between("u", before, now, 2.0)
    [none, row] = traffic.rows
    assert (none.endpoint, none.requests_per_s) == ("(none)", 0)
    assert (row.endpoint, row.release, row.share, row.in_flight, row.dropped) == ("late", "release:late@3", 1.0, 1, 1)
    assert (row.requests_per_s, row.errors_per_s, row.rows_per_s, row.batch_rows) == (25, 5, 40, 6)
    assert row.p50_ms == pytest.approx(0.85)  # the middle of 0.7 to 1 ms
    [worker] = traffic.workers
    assert (worker.worker, worker.died, worker.replaced) == ("0", 0, 0)
    assert worker.resident_bytes > 1e6


def test_what_a_shadow_does_is_told_and_no_request(counters, answering):
    slot, exposition = Slot(counters, 0), Exposition(counters)
    number = counters.declare("late", {"release:late@4": 0.0}, 1)["release:late@4"]
    answering.body = exposition.render()[1]
    before = reading.poll(answering.url)
    slot.series(number, shadow=True).observe_good(layout.PREDICT, [0.0008] * 4, 8)
    answering.body = exposition.render()[1]
    row = between("u", before, reading.poll(answering.url), 2.0).rows[-1]
    assert (row.release, row.requests_per_s, row.copies_per_s, row.rows_per_s) == ("release:late@4", 0, 2, 4)
    assert row.p50_ms == pytest.approx(0.85)


def test_who_is_a_shadow_is_told_before_it_does_anything(counters, answering):
    counters.declare("late", {"release:late@2": 1.0}, 1)
    counters.declare("late", {"release:late@3": 1.0, "release:late@4": 0.0}, 2)
    answering.body = Exposition(counters).render()[1]
    now = reading.poll(answering.url)
    rows = between("u", now, now, 2.0).rows
    assert {row.release: row.shadow for row in rows if row.release} == {
        "release:late@2": False, "release:late@3": False, "release:late@4": True,
    }  # fmt: skip
    shown = Console(width=200, record=True, file=io.StringIO())
    shown.print(top_view.picture(between("u", now, now, 2.0)))
    assert [line.split()[:4] for line in shown.export_text().splitlines() if "late@" in line] == [
        ["late", "late@3", "100%", "0"], ["late", "late@4", "shadow", "0"],
    ]  # fmt: skip


def test_a_server_that_began_anew_counts_from_nothing(counters, answering):
    series = Slot(counters, 0).series(layout.NOBODY)
    for _ in range(8):
        series.begin()
        series.observe(layout.OTHER_KIND, 200, 0.001)
    answering.body = Exposition(counters).render()[1]
    now = reading.poll(answering.url)
    before = {name: {labels: value + 1e6 for labels, value in values.items()} for name, values in now.items()}
    assert [row.requests_per_s for row in between("u", before, now, 2.0).rows] == [4]


def test_a_server_that_goes_away_is_told_and_waited_for(workers):
    workers.start(0)
    seen = watch(f"http://127.0.0.1:{workers.port}", 0.1)
    assert next(seen).gone == ""
    workers.stop(0)
    assert "nothing answers" in next(seen).gone
    workers.start(0, "--follows", "died")
    workers.ask()
    back = next(seen)
    assert (back.gone, back.workers[0].died, back.workers[0].replaced) == ("", 1, 0)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b'{"error":"there is nothing at /metrics"}', "answers 404 for /metrics: there is nothing at /metrics"),
        (500, b"<html>", "answers 500 for /metrics$"),
        (200, b"<html>hello there</html>", "tells no metrics"),
        (200, b"\xff\xfe", "tells no metrics"),
        (200, b"up 1\n", "is no Arkwright server"),
    ],
)
def test_another_server_is_told_from_ours(answering, status, body, why):
    answering.status, answering.body = status, body
    with pytest.raises(Unknown, match=why):
        reading.poll(answering.url)


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://h:99999", "http://[::1"])
def test_an_address_that_is_none_is_told(url):
    with pytest.raises(Invalid, match="is no server's address"):
        reading.poll(url)


@pytest.mark.parametrize("every", [0, -1, float("nan"), 1e9])
def test_a_window_that_is_none_is_told(every):
    with pytest.raises(Invalid, match="a window of"):
        next(watch("http://127.0.0.1:1", every))
