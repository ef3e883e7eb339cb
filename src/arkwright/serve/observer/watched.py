"""How the requests that one release computes are noted."""

from collections.abc import Sequence
from time import monotonic

from arkwright.serve.tap.writer import Tap
from arkwright.serve.telemetry.slot import Series
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.together import Asked

Computed = Job | Asked


class Watched:
    """How one release's requests are noted; what its batcher tells."""

    __slots__ = ("number", "series", "tap", "traced")

    def __init__(self, series: Series, tap: Tap | None, number: int, *, traced: bool) -> None:
        self.series, self.tap, self.number, self.traced = series, tap, number, traced

    def taken(self, jobs: Sequence[Computed]) -> None:
        """These are computed now; the first has waited longest."""
        self.series.queue_age(monotonic() - jobs[0].request.received)
        if self.traced:
            _mark(jobs, "queue")

    def ran(self, jobs: Sequence[Computed]) -> None:
        """They are computed, together."""
        rows = 0
        for job in jobs:
            rows += job.rows
            if (call := job.request.call) is not None:
                call.rows = job.rows
        self.series.batch(rows)
        if self.traced:
            _mark(jobs, "compute")
            for job in jobs:
                if (call := job.request.call) is not None:
                    call.batch = rows


def _mark(jobs: Sequence[Computed], phase: str) -> None:
    for job in jobs:
        if (call := job.request.call) is not None and call.span is not None:
            call.span.mark(phase)
