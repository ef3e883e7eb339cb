"""Who is told outside, for owners: webhooks, how their deliveries go, and what was given up."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.talking import hooks
from arkwright.core.errors import ArkwrightError
from arkwright.notify import choice
from arkwright.notify import forms as shapes
from arkwright.pages import forms
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/webhooks"


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "own"),
        route(PLACE, add, "own", ["POST"]),
        route(PLACE + "/{name}/again", again, "own", ["POST"]),
        route(PLACE + "/{name}/rotate", rotate, "own", ["POST"]),
        route(PLACE + "/{name}/remove", remove, "own", ["POST"]),
    ]


def all_of(request: Request) -> Response:
    return _all(request, None)


def _all(request: Request, refused: ArkwrightError | None) -> Response:
    at, by = context.context(request), context.actor(request)
    return page(
        request,
        "webhooks.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        told=hooks.webhooks(at.site, by, at.project),
        own=hooks.OWN,
        chats=shapes.CHATS,
        words=choice.WORDS,
        usual=choice.USUAL,
        shapes=shapes.FORMS,
    )


async def add(request: Request) -> Response:
    """A webhook, or another address, form or choice for one that is there."""
    said = await forms.fields(request, "name", "url", "format")
    on = await forms.several(request, "on")
    return await _keyed(request, said["name"], url=said["url"] or None, format=said["format"] or None, on=on)


async def rotate(request: Request) -> Response:
    return await _keyed(request, request.path_params["name"], rotate=True)


async def _keyed(request: Request, name: str, **words: object) -> Response:
    """Its key is shown once, on the answer itself, and stands nowhere else."""
    at, by = context.context(request), context.actor(request)

    def work() -> Response:
        made = hooks.webhook(at.site, by, at.project, name=name, **words)  # type: ignore[arg-type]
        return page(request, "webhook.html", section=PLACE, made=made)

    return await forms.shown(work, lambda error: _all(request, error))


async def again(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]

    def work() -> str:
        return f"{hooks.webhook(at.site, by, at.project, name=name, again=True).webhook.name}: it is tried again"

    return await forms.decided(request, PLACE, work, _all)


async def remove(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]

    def work() -> str:
        return f"{hooks.unhook(at.site, by, at.project, name=name).name} is told nothing any more"

    return await forms.decided(request, PLACE, work, _all)
