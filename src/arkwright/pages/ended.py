"""A session that ended while a page of it was open: nothing was done, and what was typed is not lost.

Nothing is sent again by itself: whoever logs in sees the page as it is by then, and decides anew.
"""

from urllib.parse import parse_qsl, quote, unquote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from arkwright.core.errors import ArkwrightError
from arkwright.pages.render import page
from arkwright.web import context, onward
from arkwright.web.routes import allowed

SECRET = ("password", "old", "new", "secret")  # fields that no page shows
HIDDEN = ("digest", "version", "here", "id", "mark", "where", "sure")  # what forms send that nobody typed
FORM = "application/x-www-form-urlencoded"
MOST = 200  # fields
_WHERE = {"HX-Retarget": "#ended", "HX-Reswap": "innerHTML", "HX-Reselect": "#again"}


async def told(request: Request) -> Response:
    """The page for a form that was sent, or the message for what htmx asked: that puts it on top of the page."""
    place = onward.login(_page(request, onward.before(request.headers, context.context(request))))
    if "hx-request" in request.headers:
        answer = await run_in_threadpool(page, request, "again.html", status=401, login=place)
        answer.headers.update(_WHERE)
    else:
        typed = await _typed(request)
        answer = await run_in_threadpool(page, request, "ended.html", status=401, login=place, typed=typed)
    answer.headers["WWW-Authenticate"] = 'Bearer realm="arkwright"'
    return answer


def _page(request: Request, place: str) -> str:
    """The page itself, where a form was sent that was shown once more: its address is then the form's, which no GET
    answers, and the page is above it.
    """
    path = unquote(urlsplit(place).path)
    while path and "GET" not in allowed(request.app.routes, {**request.scope, "path": path}):
        path = path.rpartition("/")[0]
        place = quote(path)
    return place or onward.HOME


async def _typed(request: Request) -> list[tuple[str, str]]:
    """What people wrote; empty where it cannot be read."""
    if not request.headers.get("content-type", "").startswith(FORM):
        return []
    try:
        pairs = parse_qsl((await request.body()).decode(), max_num_fields=MOST)
    except (ArkwrightError, ClientDisconnect, ValueError):  # too long, gone, or no text
        return []
    return [(name, value) for name, value in pairs if name not in SECRET + HIDDEN and value.strip()]
