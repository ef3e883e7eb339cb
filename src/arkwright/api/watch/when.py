"""When an endpoint served worst in a window, by what servers counted and by what was logged."""

from collections import Counter

import pyarrow.parquet as pq

from arkwright.api.watch.log import LoggedWindow
from arkwright.core.promises import Promise
from arkwright.measures import when
from arkwright.measures.causes import Explained
from arkwright.serve.telemetry import minutes


def failed(window: LoggedWindow, name: str) -> Explained:
    """Requests that failed, or were refused since too many came."""
    wrong: Counter[int] = Counter()
    came: Counter[int] = Counter()
    for one in minutes.read(window.folder, window.release.ref, window.since.timestamp(), window.until.timestamp()):
        begin = int(one.since) // when.MINUTE * when.MINUTE
        came[begin] += sum(one.codes.values()) + one.limited
        if name == "error_rate":
            wrong[begin] += sum(n for code, n in one.codes.items() if code[:1] == "5")
        else:
            wrong[begin] += one.limited + one.codes.get("503", 0)
    return when.worst({begin: (wrong[begin], came[begin]) for begin in came}, name)


def slow(window: LoggedWindow, promise: Promise) -> Explained:
    """Requests that took longer than was promised."""
    limit = promise.bounds[-1].limit
    with window.site.scratch("latencies") as scratch, window.came(scratch) as came:
        out = scratch / "latencies.parquet"
        sql = (
            f'SELECT epoch_us("at") // {when.MINUTE * 1_000_000} * {when.MINUTE} AS begin, count(*) AS n, '  # noqa: S608 - names of ours
            f'count(*) FILTER ("latency_ms" > {limit!r}) AS slow FROM ({came.select}) WHERE "row" = 0 GROUP BY 1'
        )
        window.site.tables.write(sql, came.files, out)
        found = pq.read_table(out).to_pylist()
    return when.worst({one["begin"]: (one["slow"], one["n"]) for one in found}, f"slower than {limit:g} ms")
