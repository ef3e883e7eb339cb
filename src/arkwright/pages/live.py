"""What was live at any time, and any logged prediction computed again."""

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from arkwright.api import catalog
from arkwright.api.jobs import jobs
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.pages import asked, forms
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/live"


def routes() -> list[Route]:
    return [route(PLACE, live, "look"), route(PLACE + "/again", again, "work", ["POST"])]


def live(request: Request) -> Response:
    return _live(request, None)


def _live(request: Request, refused: ArkwrightError | None) -> Response:
    at, by = context.context(request), context.actor(request)
    names = at.site.catalog.names(Endpoint)
    words, problem = asked.texts(request, "endpoint", "at"), refused
    name = words["endpoint"] or (names[0] if len(names) == 1 else "")
    found = None
    try:
        moment = asked.moment(words["at"], "the time")
        if name:
            wanted = {"at": _whole_minute(moment)} if moment else {}
            found = catalog.live(at.site, by, at.project, endpoint=name, **wanted)
    except ArkwrightError as error:
        problem = problem or error
    now = datetime.now(UTC)
    return page(
        request,
        "live.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        names=names,
        name=name,
        moment=words["at"] or f"{now:%Y-%m-%dT%H:%M}",
        found=found,
        versions=list(_around(found)) if found else [],
    )


def _whole_minute(moment: datetime) -> datetime:
    """A minute as people name it lasts until the next one, as far as it has passed."""
    end = moment if moment.second or moment.microsecond else moment + timedelta(seconds=59, milliseconds=999)
    return max(moment, min(end, datetime.now(UTC).replace(tzinfo=None)))


def _around(found: catalog.Live) -> list[tuple[str, str]]:
    """The times a moment before and behind this state: where the moves are."""
    links = []
    if found.endpoint.version > 1:
        links.append(("Before", _minute(found.since, -timedelta(minutes=1))))
    if found.until:
        links.append(("After", _minute(found.until, timedelta(minutes=1))))
    return links


def _minute(stamp: str, by: timedelta) -> str:
    return f"{datetime.fromisoformat(stamp).astimezone(UTC) + by:%Y-%m-%dT%H:%M}"


async def again(request: Request) -> Response:
    """Compute a logged prediction again, in a job: the model is loaded in a process of its own."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "endpoint", "id")

    def work() -> Response:
        try:
            words: dict[str, Any] = {"endpoint": said["endpoint"], "id": said["id"]}
            begun = jobs.begin(at.site, by, at.project, verb="reproduce", words=words)
        except ArkwrightError as error:
            return _live(request, error)
        return RedirectResponse(f"/runs/jobs/{begun.id}", 303)

    return await run_in_threadpool(work)
