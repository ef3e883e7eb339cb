"""Errors as pages, where a browser asked for one."""

from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import ArkwrightError
from arkwright.pages.render import page

_TITLES = {403: "That is not yours to do", 404: "There is no such page", 405: "That cannot be done here"}


def wanted(request: Request) -> bool:
    """Whether who asks is a browser that shows pages."""
    return "text/html" in request.headers.get("accept", "")


def told(request: Request, error: ArkwrightError) -> Response:
    """One of our own errors, whose message is for people."""
    return shown(request, error.status, str(error))


def shown(request: Request, status: int, detail: str) -> Response:
    title = _TITLES.get(status, "That did not work")
    return page(request, "error.html", status=status, code=status, title=title, detail=detail)
