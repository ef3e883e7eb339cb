"""Errors as pages, where a browser asked for one."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import ArkwrightError
from arkwright.pages.render import page
from arkwright.web import context, problems

_TITLES = {
    401: "Log in first",
    403: "That is not yours to do",
    404: "There is no such page",
    410: "This invitation is of no use any more",
    405: "That cannot be done here",
    500: "Something went wrong",
    503: "Not just now",
}
_WHERE = {"HX-Retarget": "#ended", "HX-Reswap": "innerHTML", "HX-Reselect": "#refused"}  # on top of the page


def wanted(request: Request) -> bool:
    """Whether who asks is a browser that shows pages."""
    return "text/html" in request.headers.get("accept", "")


def told(request: Request, error: ArkwrightError) -> Response:
    """One of our own errors, whose message is for people."""
    return shown(request, error.status, str(error), problems.headers(error))


def shown(request: Request, status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    title = _TITLES.get(status, "That did not work")
    if status == 403 and not context.known(request):
        title = "That was not let in"
    # whoever did not get as far as saying who they are came under a name that is not ours, and "/" leads there again
    home = "" if "arkwright.shown" in request.scope else context.context(request).address
    answer = page(request, "error.html", status=status, code=status, title=title, detail=detail, home=home)
    answer.headers.update({**(headers or {}), **(_WHERE if "hx-request" in request.headers else {})})
    return answer
