"""What was refused, for owners."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.people.audit import denied
from arkwright.core.errors import Invalid
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

SHOWN = 100  # lines


def routes() -> Sequence[Route]:
    return [route("/audit", audit, "own")]


def audit(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    who = request.query_params.get("who", "")
    if len(who) > 64:
        raise Invalid("no account has so long a name")
    found = denied(at.site, by, at.project, who=who or None)
    return page(request, "audit.html", section="/audit", who=who, found=found[:SHOWN], more=len(found) > SHOWN)
