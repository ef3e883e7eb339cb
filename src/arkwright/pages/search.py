"""Search over everything on record."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.search import search as look
from arkwright.catalog.searching import Hit
from arkwright.core import telling
from arkwright.core.errors import ArkwrightError
from arkwright.pages import asked
from arkwright.pages.render import page
from arkwright.tracking import found
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/search"
SHOWN = 20


def routes() -> list[Route]:
    return [route(PLACE, search, "look")]


def search(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    words, problem = asked.texts(request, "q", "kind", "after"), None
    hits: tuple[Hit, ...] = ()
    following = None
    try:
        if words["q"]:
            kinds = (words["kind"],) if words["kind"] else ()
            page_of = look(
                at.site, by, at.project, text=words["q"], kinds=kinds, limit=SHOWN, after=words["after"] or None
            )
            hits, following = page_of.items, page_of.next
    except ArkwrightError as error:
        problem = error
    return page(
        request,
        "search.html",
        status=problem.status if problem else 200,
        problem=str(problem) if problem else None,
        section=PLACE,
        hits=hits,
        asked=words,
        kinds=(*telling.sought(at.site.catalog.kinds(), words["kind"]), *found.KINDS),
        pages=asked.pages(request, following, f"{SHOWN} a page, the best first"),
    )
