"""One application: the routes of every face behind one guard."""

from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from arkwright import pages as _pages
from arkwright.core.errors import ArkwrightError, did_you_mean
from arkwright.mlflow import openapi, wire
from arkwright.mlflow import routes as mlflow
from arkwright.pages import ended, errors
from arkwright.pages import routes as pages
from arkwright.rest import gateway
from arkwright.rest import routes as rest
from arkwright.web import problems
from arkwright.web.context import Context, without_places
from arkwright.web.guard import Guard
from arkwright.web.routes import PUBLIC, Quick, allowed


def application(context: Context) -> Starlette:
    """The control room as an ASGI application."""
    context.site.catalog.may_be_late()
    static = Mount("/static", StaticFiles(directory=Path(_pages.__file__).parent / "static"))
    static.right = PUBLIC  # type: ignore[attr-defined]
    routes = [*rest.routes((openapi.TAG, openapi.paths)), *mlflow.routes(), *pages.routes(), static]
    refused = partial(_refused, context)
    guard = Middleware(Guard, context=context, routes=routes, refused=refused, shown=errors.told, ended=ended.told)
    app = Starlette(
        routes=routes,
        middleware=[guard],
        exception_handlers={ArkwrightError: _told, HTTPException: _no_route, Exception: problems.unexpected},
    )
    app.router = Quick(routes)
    app.router.redirect_slashes = False  # one thing, one address
    app.state.context = context
    return app


def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, ArkwrightError)
    return (
        errors.told(request, error)
        if errors.wanted(request)
        else _refused(request.app.state.context, request.url.path, error)
    )


def _refused(at: Context, path: str, error: ArkwrightError) -> Response:
    error = without_places(error, at)
    if path.startswith(wire.PLACES):
        return wire.told(error)
    if gateway.spoken(path):
        return gateway.protocol(error.status, str(error), problems.headers(error))
    return problems.of(error)


def _no_route(request: Request, error: Exception) -> Response:
    """No such path, or no such method there."""
    assert isinstance(error, HTTPException)
    status, headers, place = error.status_code, dict(error.headers or {}), request.url.path[:80]
    if status == 405:
        headers["Allow"] = ", ".join(allowed(request.app.routes, request.scope))
    if request.url.path.startswith(wire.PLACES):
        text = f"{request.method} {place} is not offered here{wire.instead(request.url.path)}"
        return wire.nothing_here(status, text, headers)
    said = {404: f"there is nothing at {place}", 405: f"{place} answers {headers.get('Allow')}"}
    text = said.get(status, error.detail)
    if status in said and errors.wanted(request):
        looked = f"There is nothing at {place}. Look for it in the search, or begin at Home."
        return errors.shown(request, status, looked if status == 404 else text, headers)
    if gateway.spoken(request.url.path):
        return gateway.protocol(status, text, headers)
    title = {404: "Unknown", 405: "Method not allowed"}.get(status, "Refused")
    return problems.problem(status, title, text + _near(request) if status == 404 else text, headers)


def _near(request: Request) -> str:
    paths = [path for route in request.app.routes if "{" not in (path := getattr(route, "path", ""))]
    return did_you_mean(request.url.path[:80], paths)
