"""What needs me: signatures, what failed, questions, what I was told; and what of it I have seen."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.talking import inbox as verbs
from arkwright.pages import forms
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/inbox"


def routes() -> list[Route]:
    return [route(PLACE, inbox, "look"), route(PLACE + "/seen", seen, "talk", ["POST"])]


def inbox(request: Request) -> Response:
    at, by, before = context.context(request), context.actor(request), request.query_params.get("before")
    found = verbs.inbox(at.site, by, at.project, before=forms.count(before) if before else None)
    return page(request, "inbox.html", section=PLACE, inbox=found)


async def seen(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "notice", "upto")

    def work() -> str:
        one = (forms.count(said["notice"]),) if said["notice"] else ()
        upto = forms.count(said["upto"]) if said["upto"] else None
        left = verbs.seen(at.site, by, at.project, notices=one, upto=upto)
        return f"{left.unread} unread"

    return await forms.decided(request, PLACE, work, None)
