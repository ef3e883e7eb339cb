"""Runs: begin, end, find, delete, tag."""

from starlette.requests import Request
from starlette.responses import Response

from arkwright.mlflow import shapes
from arkwright.mlflow.wire import (
    Given,
    Integer,
    Many,
    OfRun,
    Pair,
    answer,
    done,
    experiment,
    looked,
    short,
    stage,
    tracking,
    written,
)
from arkwright.tracking import runs, words
from arkwright.web.context import actor

STATES = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}


class Create(Given):
    experiment_id: str = "0"
    run_name: str = ""
    start_time: Integer | None = None
    tags: tuple[Pair, ...] = ()


class Update(OfRun):
    status: str | int | None = None
    end_time: Integer | None = None
    run_name: str | None = None


class Search(Given):
    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    run_view_type: str | int | None = None
    max_results: Many = 1000
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class SetTag(OfRun):
    key: str = ""
    value: str = ""


async def create(request: Request, given: Create) -> Response:
    """Whoever asks is the run's user, whatever the client says of itself."""
    uid = await written(
        request,
        runs.begin,
        experiment=experiment(given.experiment_id or "0"),
        name=given.run_name,
        user=actor(request).name,
        started=given.start_time,
        tags=short(given.tags, words.TAG),
    )
    return answer({"run": await _shown(request, uid)})


async def get(request: Request, given: OfRun) -> Response:
    return answer({"run": await _shown(request, given.run)})


async def _shown(request: Request, uid: str) -> dict[str, object]:
    def look() -> dict[str, object]:
        found = tracking(request).run(uid)
        return shapes.run(found, tracking(request).links([found]))

    return await looked(look)


async def update(request: Request, given: Update) -> Response:
    status = None if given.status is None else STATES.get(str(given.status), str(given.status))
    await written(request, runs.change, given.run, status=status, ended=given.end_time, name=given.run_name or None)
    found = await looked(tracking(request).run, given.run)
    return answer({"run_info": shapes.info(found)})


async def delete(request: Request, given: OfRun) -> Response:
    await written(request, runs.change, given.run, stage=runs.DELETED)
    return done()


async def restore(request: Request, given: OfRun) -> Response:
    await written(request, runs.change, given.run, stage=runs.ACTIVE)
    return done()


async def search(request: Request, given: Search) -> Response:

    def look() -> Response:
        found = tracking(request).runs(
            filter=given.filter,
            order=given.order_by,
            experiments=[experiment(one) for one in given.experiment_ids],
            stage=stage(given.run_view_type),
            limit=given.max_results,
            after=given.page_token,
        )
        links = tracking(request).links(found.items)
        said = {"runs": [shapes.run(one, links) for one in found.items]}
        return answer(said | ({"next_page_token": found.next} if found.next else {}))

    return await looked(look)


async def set_tag(request: Request, given: SetTag) -> Response:
    await written(request, runs.log, given.run, tags=[(given.key, given.value[: words.TAG])])
    return done()


async def delete_tag(request: Request, given: SetTag) -> Response:
    await written(request, runs.untag, given.run, given.key)
    return done()
