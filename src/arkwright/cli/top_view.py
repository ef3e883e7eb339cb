"""The picture that `arkwright top` draws of one window."""

from rich.console import Group, RenderableType
from rich.text import Text

from arkwright.cli import output
from arkwright.serve.telemetry.reading import Row, Traffic, WorkerRow

_HEAD = (
    "endpoint", "release", ">share", ">req/s", ">err/s", ">rows/s", ">p50 ms", ">p95 ms", ">p99 ms", ">in flight",
    ">batch", ">queue ms", ">dropped",
)  # fmt: skip


def picture(traffic: Traffic) -> RenderableType:
    """What the server did, or that it is gone."""
    where = output.escape(traffic.url)
    if traffic.gone:
        return Group(f"[bold red]{where} does not answer[/]", output.escape(traffic.gone), "", _keys())
    total = sum(row.requests_per_s for row in traffic.rows)
    cpu = sum(worker.cpu for worker in traffic.workers)
    return Group(
        f"[bold]{where}[/]  {total:,.0f} requests/s, {cpu:.2f} processors, in the last {traffic.seconds:.1f} s",
        "",
        output.table(_HEAD, [_cells(row) for row in traffic.rows if _is_here(row)]),
        "",
        output.table(
            ("worker", ">processors", ">memory MB", ">died", ">replaced"), [_worker(w) for w in traffic.workers]
        ),
        "",
        _keys(),
    )


def _keys() -> Text:
    return Text("q or Ctrl-C ends", style="dim")


def _cells(row: Row) -> tuple[str, ...]:
    errors = f"{row.errors_per_s:,.1f}"
    return (
        output.escape(row.endpoint),
        output.escape(row.release.removeprefix("release:")),
        "shadow" if row.shadow or (row.copies_per_s and not row.share) else f"{row.share:.0%}",
        f"{_answers(row):,.0f}",
        f"[bold red]{errors}[/]" if row.errors_per_s else errors,
        f"{row.rows_per_s:,.0f}",
        *("–" if ms is None else f"{ms:,.2f}" for ms in (row.p50_ms, row.p95_ms, row.p99_ms)),
        f"{row.in_flight:,}",
        "–" if row.batch_rows is None else f"{row.batch_rows:,.1f}",
        f"{row.queue_age_ms:,.1f}",
        f"[bold red]{row.dropped:,}[/]" if row.dropped else "0",
    )


def _is_here(row: Row) -> bool:
    """Whether the endpoint has the release now, or it still has something to do."""
    return bool(row.share or row.shadow or row.in_flight or _answers(row))


def _answers(row: Row) -> float:
    return row.requests_per_s + row.copies_per_s


def _worker(worker: WorkerRow) -> tuple[str, ...]:
    return (
        worker.worker,
        f"{worker.cpu:.2f}",
        f"{worker.resident_bytes / 1e6:,.0f}",
        f"{worker.died:,}",
        f"{worker.replaced:,}",
    )
