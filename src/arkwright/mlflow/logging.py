"""What is logged to a run while it goes on: points of metrics, parameters, batches of all; and metrics' histories."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import Invalid
from arkwright.mlflow import shapes
from arkwright.mlflow.wire import (
    Given,
    Integer,
    OfRun,
    Pair,
    Positive,
    answer,
    done,
    looked,
    must,
    number,
    short,
    tracking,
    written,
)
from arkwright.tracking import models, runs, words
from arkwright.tracking.models import Measured

MOST, MOST_METRICS, MOST_PAIRS = 1000, 1000, 100  # of one batch
AT_ONCE, PER_RUN = 100, 2500  # runs of one bulk look, points of each
HISTORY = 25_000  # points in one answer


class Metric(Given, kw_only=True):
    key: str = ""
    value: float
    timestamp: Integer
    step: Integer = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LogMetric(Metric, kw_only=True):
    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        """Raises Invalid."""
        return must(self.run_id or self.run_uuid, "run_id")


class LogParam(OfRun):
    key: str = ""
    value: str = ""


class LogBatch(OfRun):
    metrics: tuple[Metric, ...] = ()
    params: tuple[Pair, ...] = ()
    tags: tuple[Pair, ...] = ()


class History(OfRun):
    metric_key: str = ""
    page_token: str = ""
    max_results: Positive | None = None


class Bulk(Given):
    run_ids: tuple[str, ...] = ()
    run_id: tuple[str, ...] = ()
    metric_key: str = ""
    start_step: Integer | None = None
    end_step: Integer | None = None
    max_results: Annotated[int, Meta(ge=1, le=HISTORY)] = PER_RUN


async def metric(request: Request, given: LogMetric) -> Response:
    key = words.key(given.key, "metric")
    points = [(key, given.step, given.timestamp, given.value)]
    await written(request, models.log, given.run, measured=_measured(given.run, [given]), metrics=points)
    return done()


def _measured(run: str, metrics: Sequence[Metric]) -> list[tuple[str, Measured]]:
    """The metrics that speak of a logged model, each beside the model's id."""
    return [
        (
            metric.model_id,
            Measured(
                key=metric.key, run=run, dataset=metric.dataset_name, digest=metric.dataset_digest, step=metric.step,
                at=metric.timestamp, value=metric.value,
            ),
        )
        for metric in metrics
        if metric.model_id
    ]  # fmt: skip


async def parameter(request: Request, given: LogParam) -> Response:
    await written(request, runs.log, given.run, params=[(given.key, given.value[: words.PARAM])])
    return done()


async def batch(request: Request, given: LogBatch) -> Response:
    for name, most in (("metrics", MOST_METRICS), ("params", MOST_PAIRS), ("tags", MOST_PAIRS)):
        count = len(getattr(given, name))
        if count > most:
            raise Invalid(f"A batch logging request can contain at most {most} {name}. Got {count} {name}.")
    if len(given.metrics) + len(given.params) + len(given.tags) > MOST:
        raise Invalid(f"A batch logging request can contain at most {MOST} metrics, params and tags together")
    for key in {metric.key for metric in given.metrics}:
        words.key(key, "metric")
    await written(
        request,
        models.log,
        given.run,
        measured=_measured(given.run, given.metrics),
        metrics=[(metric.key, metric.step, metric.timestamp, metric.value) for metric in given.metrics],
        params=short(given.params, words.PARAM),
        tags=short(given.tags, words.TAG),
    )
    return done()


async def history(request: Request, given: History) -> Response:
    key = must(given.metric_key, "metric_key")
    if given.max_results is not None and given.max_results <= 0:
        raise Invalid(f"Invalid value {given.max_results} for parameter 'max_results': it has to be positive")
    start = int(given.page_token) if given.page_token.isdecimal() and len(given.page_token) < 18 else 0
    most = min(given.max_results or 1 << 62, 1 << 62)
    found = await looked(tracking(request).history, given.run, key, most + 1 if given.max_results else most, start)
    said = {"metrics": [shapes.metric(key, value, step, at) for step, at, value in found[:most]]}
    return answer(said | ({"next_page_token": str(start + most)} if len(found) > most else {}))


async def bulk(request: Request, given: Bulk) -> Response:
    """Curves of many runs, thinned: what charts need."""
    key = must(given.metric_key, "metric_key")
    uids = given.run_ids or given.run_id
    if not 1 <= len(uids) <= AT_ONCE:
        raise Invalid(f"run_ids: 1 to {AT_ONCE} of them are needed, not {len(uids)}")
    if (given.start_step is None) != (given.end_step is None):
        raise Invalid("If either start step or end step are specified, both must be specified.")

    def look() -> Response:
        said = [
            {"key": key, "value": number(value), "timestamp": at, "step": step, "run_id": uid}
            for uid in uids
            for step, at, value in tracking(request).curve(
                uid, key, low=given.start_step, high=given.end_step, most=given.max_results
            )
        ]
        return answer({"metrics": said})

    return await looked(look)
