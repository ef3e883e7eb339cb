"""Endpoints: which release gets which share, how it came about, and the way back."""

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import look, rollout
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.core.record import decode
from arkwright.pages import forms, talk
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/endpoints"
SHOWN = 20  # moves


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/rollback", rollback, "own", ["POST"]),
    ]


def all_of(request: Request) -> Response:
    at = context.context(request)
    glance = look.show(at.site, context.actor(request), at.project)
    assert isinstance(glance, look.Glance)
    return page(request, "endpoints.html", section=PLACE, endpoints=glance.endpoints)


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None) -> Response:
    at, name = context.context(request), request.path_params["name"]
    endpoint = versions.resolve(at.site.ledger, Endpoint, f"endpoint:{name}")
    keys = (f"{endpoint.name}@{version}" for version in range(endpoint.version, 0, -1))
    events = [event for key in islice(keys, SHOWN) if (event := at.site.ledger.get(Endpoint.KIND, key))]
    return page(
        request,
        "endpoint.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        endpoint=endpoint,
        talk=talk.panel(request, f"{Endpoint.KIND}:{endpoint.name}"),
        moves=[(event, decode(Endpoint, event.body)) for event in events],
    )


async def rollback(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    said = await forms.fields(request, "reason")

    def work() -> str:
        moved = rollout.rollback(at.site, by, at.project, endpoint=name, reason=said["reason"])
        return f"{moved.ref}: {moved.reason}"

    return await forms.decided(request, f"{PLACE}/{name}", work, _one)
