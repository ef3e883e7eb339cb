"""What clients logged: a run with its files and its models, one logged model, and what was said in full."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from arkwright.api.runs import files, registered, tracked
from arkwright.core.errors import Unknown
from arkwright.pages import asked, runs, talk
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/runs"
FILES = "#files"


def routes() -> list[Route]:
    """Before those of runs: `/runs/{name}/log` would fit some of them."""
    return [
        route(PLACE + "/tracked/{uid}", run, "look"),
        route(PLACE + "/tracked/{uid}/said", said_of_run, "look"),
        route(PLACE + "/logged/{uid}", model, "look"),
        route(PLACE + "/logged/{uid}/said", said_of_model, "look"),
        route(PLACE + "/experiments/{id}", experiment, "look"),
    ]


def run(request: Request) -> Response:
    """A run that a client logged by hand."""
    at, by = context.context(request), context.actor(request)
    words = asked.texts(request, "in", "after")
    found = tracked.logged(
        at.site, by, at.project, uid=request.path_params["uid"], folder=words["in"], after=words["after"]
    )
    return page(
        request,
        "client_run.html",
        section=PLACE,
        found=found,
        run=found.run,
        charts=runs.charts(found.curves),
        pages=turned(request, found.files),
        talk=talk.panel(request, found.ref),
    )


def model(request: Request) -> Response:
    """A model that a client logged."""
    at, by = context.context(request), context.actor(request)
    words = asked.texts(request, "in", "after")
    found = registered.logged_model(at.site, by, at.project, uid=request.path_params["uid"])
    listed = files.folder(at.site, found.place, words["in"], words["after"])
    of = tracked.names(at.site, [found.run, *(one.run for one in found.metrics)])
    return page(
        request,
        "logged_model.html",
        section=PLACE,
        model=found,
        made=tracked.stamp(found.made),
        state=found.status.removeprefix("LOGGED_MODEL_").replace("_", " ").lower(),
        files=listed,
        pages=turned(request, listed),
        runs=of,
    )


def experiment(request: Request) -> Response:
    """The runs of an experiment, by its number, which is all that MLflow's clients print."""
    at, number = context.context(request), request.path_params["id"]
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        raise Unknown(f"there is no experiment {number[:40]!r}")
    name = at.site.tracking.experiment(id=int(number)).name
    return RedirectResponse(f"{PLACE}?{urlencode({'source': 'clients', 'name': name})}", 303)


def said_of_run(request: Request) -> Response:
    at = context.context(request)
    found = at.site.tracking.run(request.path_params["uid"])
    return whole(request, {"param": found.params, "tag": found.tags})


def said_of_model(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    found = registered.logged_model(at.site, by, at.project, uid=request.path_params["uid"])
    return whole(request, {"param": found.params, "tag": found.tags})


def whole(request: Request, said: Mapping[str, Mapping[str, str]]) -> Response:
    """A text that is too long for a page, as text. Raises Unknown."""
    for what, texts in said.items():
        name = request.query_params.get(what)
        if name is not None and name in texts:
            return PlainTextResponse(texts[name], headers={"Cache-Control": "no-store"})
    raise Unknown("nothing of this name was said")


def turned(request: Request, found: files.Folder | None) -> asked.Pages | None:
    """The way on in a long folder."""
    return asked.pages(request, found.next, f"{files.MOST} at once") if found else None
