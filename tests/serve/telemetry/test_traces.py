"""W3C context as the standard says, and spans as a receiver decodes them with the official messages.

The receiver is a local HTTP server: a collector's binary is not to be had from package registries.
"""

import pytest
from tests.serve.telemetry.receiver import Receiver, attributes

from arkwright.core.errors import Invalid
from arkwright.serve.telemetry import layout, traces
from arkwright.serve.telemetry.otlp import Sender
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.telemetry.traces import Parent, Sampling, Span, Spans, parent

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = {b"traceparent": f"00-{TRACE}-{CALLER}-01".encode()}
NOT_SAMPLED = {b"traceparent": f"00-{TRACE}-{CALLER}-00".encode()}


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def telemetry(counters, receiver):
    made = Telemetry(counters.folder, 0, collector=receiver.url)
    yield made
    made.close()


def request(telemetry, headers, status=200, phases=("decode", "queue", "compute", "encode")):
    series = telemetry.series("late", {"release:late@3": 1.0}, 1)["release:late@3"]
    call = telemetry.start(series, layout.PREDICT, headers)
    call.rows, call.batch = 3, 8
    if call.span is not None:
        for phase in phases:
            call.span.mark(phase)
    telemetry.done(call, status, 77, caller="127.0.0.1", method="POST", path="/endpoints/late/predict\x1b")
    return call


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"00-{TRACE}-{CALLER}-01", Parent(TRACE, CALLER, sampled=True)),
        (f"00-{TRACE}-{CALLER}-00", Parent(TRACE, CALLER, sampled=False)),
        (f"00-{TRACE}-{CALLER}-03", Parent(TRACE, CALLER, sampled=True)),  # an unknown flag beside
        (f"01-{TRACE}-{CALLER}-01", Parent(TRACE, CALLER, sampled=True)),  # a later version
        (f"cc-{TRACE}-{CALLER}-01-more", Parent(TRACE, CALLER, sampled=True)),
        (f"cc-{TRACE}-{CALLER}-01more", None),
        (f"00-{TRACE}-{CALLER}-01-more", None),
        (f"ff-{TRACE}-{CALLER}-01", None),
        (f"00-{TRACE.upper()}-{CALLER}-01", None),
        (f"00-{'0' * 32}-{CALLER}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE[1:]}-{CALLER}-01", None),
        (f"00-{TRACE}-{CALLER}-1", None),
        (f"00-{TRACE}-{CALLER}", None),
        (f"0-{TRACE}-{CALLER}-01", None),
        (f" 00-{TRACE}-{CALLER}-01", None),
        (f"00-{TRACE}-{CALLER}-01\n", None),
        (f"00-{TRACE}-{CALLER}-01, 00-{TRACE}-{CALLER}-01", None),  # two headers
        (f"00_{TRACE}_{CALLER}_01", None),
        (f"00-{TRACE[:-1]}g-{CALLER}-01", None),
        ("", None),
        (f"cc-{TRACE}-{CALLER}-01-" + "x" * 100_000, None),
    ],
)  # fmt: skip
def test_the_callers_context_is_read_strictly(header, found):
    assert parent(header.encode()) == found


def test_a_sampled_request_is_a_span_with_its_phases(receiver, telemetry):
    call = request(telemetry, SAMPLED | {b"tracestate": b"vendor=a:1, other=2"})
    spans = {span.name: span for span in receiver.spans(5)}
    assert spans.keys() == {"predict late", "decode", "queue", "compute", "encode"}
    mine = spans.pop("predict late")
    assert (mine.trace_id.hex(), mine.parent_span_id.hex()) == (TRACE, CALLER)
    assert mine.kind == mine.SPAN_KIND_SERVER
    assert mine.trace_state == "vendor=a:1,other=2"
    assert mine.span_id.hex() == call.span.span_id
    assert attributes(mine) == {
        "http.request.method": "POST", "http.response.status_code": 200, "http.response.body.size": 77,
        "http.route": "/endpoints/{endpoint}/predict", "url.path": "/endpoints/late/predict\\x1b",
        "client.address": "127.0.0.1", "arkwright.endpoint": "late", "arkwright.release": "release:late@3",
        "arkwright.rows": 3, "arkwright.batch.rows": 8,
    }  # fmt: skip
    ends = [mine.start_time_unix_nano]
    for name in ("decode", "queue", "compute", "encode"):
        assert (spans[name].trace_id, spans[name].parent_span_id) == (mine.trace_id, mine.span_id)
        assert spans[name].start_time_unix_nano == ends[-1]
        ends.append(spans[name].end_time_unix_nano)
    assert ends == sorted(ends)
    assert ends[-1] <= mine.end_time_unix_nano
    assert len({span.span_id for span in [mine, *spans.values()]}) == 5


def test_a_request_without_context_begins_a_trace(receiver, telemetry):
    request(telemetry, {}, phases=())
    request(telemetry, {b"traceparent": b"00-nonsense", b"tracestate": b"a=1"}, phases=())
    first, second = receiver.spans(2)
    assert first.trace_id != second.trace_id
    assert (first.parent_span_id, second.parent_span_id, second.trace_state) == (b"", b"", "")


def test_a_request_that_its_caller_does_not_sample_is_no_span(receiver, telemetry):
    assert request(telemetry, NOT_SAMPLED).span is None
    request(telemetry, SAMPLED, phases=())
    [only] = receiver.spans(1)
    assert only.parent_span_id.hex() == CALLER


@pytest.mark.parametrize("state", [b"=", b"a=1,a=2", b"A=1", b"\xff=1", b"a=" + b"x" * 600])
def test_a_wrong_state_is_left_out_and_the_trace_goes_on(receiver, telemetry, state):
    request(telemetry, SAMPLED | {b"tracestate": state}, phases=())
    [span] = receiver.spans(1)
    assert (span.trace_id.hex(), span.trace_state) == (TRACE, "")


def test_a_failed_request_is_an_error(receiver, telemetry):
    request(telemetry, SAMPLED, status=500, phases=())
    request(telemetry, SAMPLED, status=422, phases=())
    failed, refused = receiver.spans(2)
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert refused.status.code == refused.status.STATUS_CODE_UNSET


def test_the_environment_names_the_collector(counters, receiver, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    made = Telemetry(counters.folder, 0)
    request(made, SAMPLED, phases=())
    made.close()
    assert len(receiver.spans(1)) == 1
    assert made.counters.process(0)[layout.SPANS] == 1


def test_nothing_is_traced_where_nobody_asked(counters):
    made = Telemetry(counters.folder, 0)
    call = request(made, SAMPLED)
    made.close()
    assert (call.span, call.caller) == (None, None)


def test_a_collector_that_is_down_costs_spans_and_no_request(counters, receiver, caplog):
    receiver.answers = 400
    made = Telemetry(counters.folder, 0, collector=receiver.url)
    for _ in range(20):
        request(made, SAMPLED, phases=())
    made.close()
    process = made.counters.process(0)
    assert (process[layout.SPANS], process[layout.SPANS_FAILED]) == (0, 20)
    assert [r.getMessage() for r in caplog.records] == ["the trace collector does not take spans; they are lost"]


def test_spans_that_wait_are_bounded():
    spans = Spans()
    for _ in range(traces.MOST_WAITING + 10):
        spans.add(Span(None, b""))
    assert spans.full == 10
    assert len(spans.take(10**6)) == traces.MOST_WAITING


@pytest.mark.parametrize("url", ["collector:4318", "ftp://x", "", "http://"])
def test_an_address_that_is_none_is_told(url):
    with pytest.raises(Invalid, match="is no collector's address"):
        Sender(Spans(), url)


@pytest.mark.parametrize(
    ("name", "argument", "caller", "taken"),
    [
        (None, None, None, True),
        (None, None, True, True),
        (None, None, False, False),
        ("always_off", None, True, False),
        ("always_on", None, False, True),
        ("parentbased_always_off", None, None, False),
        ("parentbased_always_off", None, True, True),
        ("parentbased_traceidratio", "0", None, False),
        ("parentbased_traceidratio", "0", True, True),
        ("traceidratio", "0", True, False),
        ("traceidratio", None, None, True),
    ],
)
def test_the_environment_says_what_is_sampled(name, argument, caller, taken):
    said = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument}
    sampling = Sampling.from_environment({k: v for k, v in said.items() if v is not None})
    assert sampling.takes(None if caller is None else Parent(TRACE, CALLER, caller)) is taken


def test_a_part_of_them_is_sampled():
    sampling = Sampling.from_environment({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"})
    assert 2200 < sum(sampling.takes(None) for _ in range(10_000)) < 2800


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"OTEL_TRACES_SAMPLER": "alway_on"}, 'did you mean "always_on"'),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "between 0 and 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "nan"}, "between 0 and 1"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "half"}, "between 0 and 1"),
    ],
)
def test_a_wrong_sampler_is_told(said, why):
    with pytest.raises(Invalid, match=why):
        Sampling.from_environment(said)
