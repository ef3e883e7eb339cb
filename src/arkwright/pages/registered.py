"""Models and prompts that clients registered: the list, one with its versions, a version with its files."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.runs import registered
from arkwright.pages import asked, forms, logged, talk
from arkwright.pages.render import page
from arkwright.pages.words import address
from arkwright.tracking.registry import spoken
from arkwright.web import context
from arkwright.web.routes import route

PLACE, SECTION = "/registered", "/releases"
SHOWN = 50


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/said", said, "look"),
    ]


def all_of(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    words = asked.texts(request, "text", "show", "after")
    prompts = words["show"] == "prompts"
    found = registered.registered(
        at.site, by, at.project, text=words["text"], prompts=prompts, limit=SHOWN, after=words["after"]
    )
    return page(
        request,
        "registered.html",
        section=SECTION,
        models=found.items,
        asked=words,
        prompts=prompts,
        pages=asked.pages(request, found.next, f"{SHOWN} a page"),
    )


def one(request: Request) -> Response:
    """A model with its versions, or one of them: `/registered/wool`, `/registered/wool@3`."""
    name, number = spoken(request.path_params["name"])
    return _model(request, name) if number is None else _version(request, name, number)


def _model(request: Request, name: str) -> Response:
    at, by = context.context(request), context.actor(request)
    before = forms.count(request.query_params["before"]) if request.query_params.get("before") else None
    model, versions = registered.model(at.site, by, at.project, name=name, limit=SHOWN, before=before)
    earlier = versions and len(versions) == SHOWN and versions[-1].number > 1
    on = f"{address(model.ref)}?{urlencode({'before': versions[-1].number})}" if earlier else None
    return page(
        request,
        "registered_model.html",
        section=SECTION,
        model=model,
        versions=versions,
        earlier=on,
        talk=talk.panel(request, model.ref),
    )


def _version(request: Request, name: str, number: int) -> Response:
    at, by = context.context(request), context.actor(request)
    words = asked.texts(request, "in", "after")
    found = registered.version(at.site, by, at.project, name=name, number=number)
    files = registered.files(at.site, found, words["in"], words["after"])
    return page(
        request,
        "registered_version.html",
        section=SECTION,
        version=found,
        files=files,
        pages=logged.turned(request, files),
        talk=talk.panel(request, found.ref),
    )


def said(request: Request) -> Response:
    """A tag or the description in full."""
    at, by = context.context(request), context.actor(request)
    name, number = spoken(request.path_params["name"])
    if number is None:
        model, _ = registered.model(at.site, by, at.project, name=name, limit=1)
        return logged.whole(request, {"tag": model.tags, "of": {"description": model.description}})
    found = registered.version(at.site, by, at.project, name=name, number=number)
    return logged.whole(request, {"tag": found.tags, "of": {"description": found.description}})
