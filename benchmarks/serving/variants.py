"""What our own server costs more: with the log of predictions, a second endpoint, a canary; with a rate, an access log
and traces; and for requests that say more, as clients do.
"""

import itertools
import json
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
from serving import project
from serving.contenders import Ask, Contender, arkwright, v2
from serving.load import http
from serving.rounds import ONE, Bench, measured, up

OFF = "log = false\n"
INFER = "/v2/models/points/infer"


def lines(*, log: bool = False) -> str:
    """Further lines of an endpoint's table: its log is on unless it is switched off, where there is one."""
    return OFF if project.knows("log") and not log else ""


def alternating(asks: list[Ask]) -> Ask:
    """The requests go to each in turn."""
    turn = itertools.cycle(asks)

    def request(rows: np.ndarray) -> bytes:
        return next(turn).request(rows)

    return Ask(request, asks[0].values)


def saying(
    tensor: str, *, path: str = INFER, head: str = "", beside: Callable[[str], dict[str, object]] = lambda _: {}
) -> Ask:
    """The base's requests with a line of the head, where {n} is another each time, and with what stands beside."""
    plain, count = v2(path, tensor), itertools.count()

    def request(rows: np.ndarray) -> bytes:
        number = str(next(count))
        body = json.loads(plain.request(rows).partition(b"\r\n\r\n")[2])
        said = json.dumps({**beside(number), **body}, separators=(",", ":")).encode()
        return http(path, said, f"Content-Type: application/json\r\n{head.format(n=number)}")

    return Ask(request, plain.values)


def ways(one: Path, tensor: str) -> list[Contender]:
    """The same server asked in the ways of clients, and with what many switch on."""
    trace = "traceparent: 00-{n:0>32}-00f067aa0ba902b7-01\r\n"
    asks = {
        "an id in the body, another each time": saying(tensor, beside=lambda number: {"id": number}),
        "the version in the path": saying(tensor, path="/v2/models/points/versions/1/infer"),
        "a deadline of five seconds": saying(tensor, head="Arkwright-Timeout-Ms: 5000\r\n"),
        "X-Request-Id, another each time": saying(tensor, head="X-Request-Id: order-{n}\r\n"),
        "traceparent, another each time": saying(tensor, head=trace),
    }
    workers = ("--workers", "1")
    found = [arkwright(f"way{n}", title, one, ask, workers) for n, (title, ask) in enumerate(asks.items())]
    rate, access = ("--rate", "1000000"), ("--access-log", str(one / "access.log"))
    otlp = ("--otlp", "http://127.0.0.1:9")  # nobody there: what cannot be sent is lost
    some = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}
    on = (*rate, *access, *otlp, "--grpc-port", "0")
    switched = {
        "a rate for each client": (rate, {}),
        "an access log": (access, {}),
        "traces, every request; more come than are sent": (otlp, {}),
        "traces, every hundredth request": (otlp, some),
        "rate, access log, traces (every hundredth) and gRPC": (on, some),
    }
    for n, (title, (extra, environment)) in enumerate(switched.items()):
        found.append(arkwright(f"on{n}", title, one, v2(INFER, tensor), (*workers, *extra), environment))
    return found


def contenders(folder: Path, base: Contender, tensor: str) -> list[Contender]:
    """The base and its variants, each over a project of its own."""
    infer = [v2(f"/v2/models/{name}/infer", tensor) for name in ("points", "second")]
    off = lines()
    two = project.made(folder / "two", {"points": off, "second": off})
    one, workers = folder / "one", ("--workers", "1")
    found = [base, arkwright("again", "nothing: the same once more (the noise)", one, base.ask, workers)]
    found.append(arkwright("two", "a second endpoint, asked in turn", two, alternating(infer), workers))
    found.append(arkwright("idle", "a second endpoint that nobody asks", two, infer[0], workers))
    canary = project.canary(project.made(folder / "canary", {"points": off}))
    found.append(arkwright("canary", "a canary with a tenth of the requests", canary, infer[0], workers))
    if project.knows("log"):
        logged = project.made(folder / "logged", {"points": lines(log=True)})
        found.append(arkwright("log", "the log of predictions, every request", logged, infer[0], workers))
    return [*found, *ways(one, tensor)]


Costs = tuple[dict[str, float], dict[str, str]]


def costs(bench: Bench, folder: Path, base: Contender, rounds: int, seconds: float) -> Costs:
    """Title -> how much more processor time a request takes than without (0.05: 5 %); and what failed."""
    with up(bench, contenders(folder, base, bench.tensor)) as (running, failed):
        found, more = measured(bench, running, [ONE], rounds, seconds)
    windows = found[ONE.title]
    said = {}
    for one in running[1:]:
        if one.contender.name in windows and base.name in windows:
            pairs = zip(windows[base.name], windows[one.contender.name], strict=True)
            said[one.contender.title] = statistics.median(
                without.per_processor_second / with_it.per_processor_second - 1 for without, with_it in pairs
            )
    return said, {**failed, **more}
