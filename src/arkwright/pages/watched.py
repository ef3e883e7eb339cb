"""What is noticed at an endpoint: each promise in plain words, performance, drift and groups over time, and alarms; and
of a dataset that is watched: its source, promises and alarms.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.watch import looked
from arkwright.api.watch.alarms import RAISED
from arkwright.api.watch.data_over_time import data_over_time
from arkwright.api.watch.over_time import over_time
from arkwright.core import versions
from arkwright.core.nouns import Dataset, Endpoint
from arkwright.core.times import moment
from arkwright.pages import alarming, watch_charts
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE, DATA = "/endpoints", "/data"
SPANS = {"24h": "a day", "7d": "a week", "30d": "30 days", "90d": "90 days"}


def routes() -> list[Route]:
    return [route(PLACE + "/{name}/watch", watched, "look"), route(DATA + "/{name}/watch", data, "look")]


def watched(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    endpoint = versions.resolve(at.site.ledger, Endpoint, f"endpoint:{request.path_params['name']}")
    span, release = request.query_params.get("span", "7d"), request.query_params.get("release")
    until = request.query_params.get("until") or None
    noticed = alarming.look(request, endpoint.name)
    found = over_time(
        at.site, by, at.project, endpoint=endpoint, span=span, release=release, until=moment(until), noticed=noticed
    )
    return page(
        request,
        "watch.html",
        section=PLACE,
        endpoint=endpoint,
        found=found,
        failed=looked.failed(at.site, endpoint.name),
        shown=watch_charts.shown(found),
        timeline=watch_charts.alarms(found),
        standing=sum(one.alarm.state == RAISED for one in found.alarms),
        spans=SPANS,
        span=span,
        release=release,
        until=until,
    )


def data(request: Request) -> Response:
    at, by = context.context(request), context.actor(request)
    name = request.path_params["name"].partition("@")[0]
    span, until = request.query_params.get("span", "7d"), request.query_params.get("until") or None
    found = data_over_time(at.site, by, at.project, name=name, span=span, until=moment(until))
    return page(
        request,
        "data_watch.html",
        section=DATA,
        found=found,
        shown=watch_charts.data_shown(found),
        standing=sum(one.alarm.state == RAISED for one in found.alarms),
        recorded=versions.latest(at.site.ledger, Dataset, name) is not None,
        spans=SPANS,
        span=span,
        until=until,
    )
