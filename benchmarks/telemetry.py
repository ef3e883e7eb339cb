"""What telemetry costs a request, in microseconds of the processor: counting, a line of the log, a span.

    python benchmarks/telemetry.py

Each number is the least of many repetitions of many calls, so that a busy machine disturbs it little.
"""

import os
import tempfile
import time
from pathlib import Path

from arkwright.serve.telemetry import layout
from arkwright.serve.telemetry.access_log import AccessLog
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.telemetry.traces import Sampling

TIMES, CALLS = 50, 2000
CONTEXT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0%d"
FACTS = {"caller": "127.0.0.1", "method": "POST", "path": "/endpoints/late/predict", "request_id": "a-1"}
NAME = {"late": {"release:late@3": 1.0}}


def least(work, after=lambda: None):
    """Processor time of one call, microseconds; `after` is not counted."""
    found = []
    for _ in range(TIMES):
        began = time.thread_time()
        for _ in range(CALLS):
            work()
        found.append((time.thread_time() - began) / CALLS * 1e6)
        after()
    return min(found)


def request(telemetry, headers, phases=()):
    series = telemetry.series("late", NAME["late"], 1)["release:late@3"]

    def work():
        call = telemetry.start(series, layout.PREDICT, headers)
        call.rows = 1
        if call.span is not None:
            for phase in phases:
                call.span.mark(phase)
        telemetry.done(call, 200, 123, **FACTS)

    return work


def main():
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:  # noqa: PTH112
        folder = Path(name)
        Counters.create(folder, 2)
        off, logged = Telemetry(folder, 0), Telemetry(folder, 1, access_log=str(folder / "log"))
        series = off.series("late", NAME["late"], 1)["release:late@3"]
        log = AccessLog(str(folder / "line"))
        fresh = {b"host": b"x", b"content-length": b"12"}
        sampled, unsampled = fresh | {b"traceparent": CONTEXT % 1}, fresh | {b"traceparent": CONTEXT % 0}
        print(f"nothing (the loop itself)                  {least(lambda: None):6.2f}")
        print(f"observe                                    {least(lambda: series.observe(0, 200, 0.0004, 1)):6.2f}")
        line = least(
            lambda: log.add(status=200, size=123, seconds=0.0004, release="release:late@3", **FACTS), log.flush
        )
        print(f"a line of the access log                   {line:6.2f}")
        print(f"start + done, counters only                {least(request(off, fresh)):6.2f}")
        print(f"start + done, access log too               {least(request(logged, fresh), logged._log.flush):6.2f}")  # noqa: SLF001
        traced = Telemetry(folder, 0, collector="http://127.0.0.1:9", sampling=Sampling(0.0))
        print(f"tracing on, no context                     {least(request(traced, fresh)):6.2f}")
        print(f"tracing on, caller does not sample         {least(request(traced, unsampled)):6.2f}")
        phases = ("decode", "queue", "compute", "encode")
        full = least(request(traced, sampled, phases), lambda: traced._spans.take(10**6))  # noqa: SLF001
        print(f"tracing on, sampled, four phases           {full:6.2f}")
        batch = [span for _ in range(50) for span in _spans(traced, sampled, phases)]
        began = time.thread_time()
        made = [one for span in batch for one in traced._sender._make(span)]  # noqa: SLF001
        print(f"making a sampled request's spans (thread)  {(time.thread_time() - began) / len(batch) * 1e6:6.2f}")
        assert len(made) == 5 * len(batch)
        began = time.thread_time()
        for _ in range(20):
            off.metrics()
        print(f"one /metrics of one release, ms            {(time.thread_time() - began) / 20 * 1e3:6.2f}")
        for one in (off, logged, traced):
            one.close()


def _spans(telemetry, headers, phases):
    request(telemetry, headers, phases)()
    return telemetry._spans.take(1)  # noqa: SLF001


if __name__ == "__main__":
    main()
