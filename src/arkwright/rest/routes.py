"""The routes of REST."""

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import look
from arkwright.web import context
from arkwright.web.routes import PUBLIC, route


def routes() -> Sequence[Route]:
    return [route("/health", health, PUBLIC), route("/api/show", show, "look")]


def health(_: Request) -> Response:
    """Ready once it answers."""
    return Response(b'{"status":"ready"}', media_type="application/json")


def show(request: Request) -> Response:
    at = context.context(request)
    found = look.show(at.site, context.actor(request), at.project, reference=request.query_params.get("reference"))
    return Response(msgspec.json.encode(found), media_type="application/json")
