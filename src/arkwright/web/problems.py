"""Errors as RFC 9457 says them: `application/problem+json`."""

import logging
from http import HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import ArkwrightError, Away, Throttled

log = logging.getLogger("arkwright.control")
AGAIN_S = 5  # seconds after which whoever keeps the records may be there again


def of(error: ArkwrightError) -> Response:
    """The answer for one of our own errors: its message is for people."""
    return problem(error.status, title(type(error), error.status), str(error), headers(error))


def title(kind: type[ArkwrightError], status: int) -> str:
    """The kind's name; of one that has no name of its own, what HTTP calls the status."""
    return kind.__name__ if kind is not ArkwrightError else HTTPStatus(status).phrase


def headers(error: ArkwrightError) -> dict[str, str]:
    """What stands beside such an answer, whatever form it has."""
    after = error.after if isinstance(error, Throttled) else AGAIN_S if isinstance(error, Away) else 0
    said = {"Retry-After": str(after)} if after else {}
    return said | ({"WWW-Authenticate": 'Bearer realm="arkwright"'} if error.status == 401 else {})


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return Response(body, status, headers, media_type="application/problem+json")


def logged(request: Request, error: Exception) -> str:
    """What nobody foresaw: the log has it under a number, and the caller is told the number."""
    number = request.scope["arkwright.request"]
    log.error("%s %s failed (%s)", request.method, request.url.path, number, exc_info=error)
    return f"something went wrong here; the log has it as {number}"


def unexpected(request: Request, error: Exception) -> Response:
    return problem(500, "Unexpected", logged(request, error))
