"""What goes through an endpoint, over time; and one row to try it with."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import look
from arkwright.api.endpoints import traffic_seen
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Column, Endpoint
from arkwright.core.record import decode
from arkwright.core.signature import Signature
from arkwright.pages import forms, health, lost, trying, words
from arkwright.pages.render import page
from arkwright.web import context, plane
from arkwright.web.routes import route

PLACE = "/endpoints"
SPANS = {"15m": "15 minutes", "1h": "an hour", "24h": "a day", "7d": "a week", "30d": "30 days"}


def routes() -> list[Route]:
    return [
        route(PLACE + "/{name}/traffic", over_time, "look"),
        route(PLACE + "/{name}/try", try_it, "talk", ["POST"]),
    ]


def over_time(request: Request) -> Response:
    """Requests, errors and latency of each release in slots of time."""
    at, by, endpoint = context.context(request), context.actor(request), _endpoint(request)
    span = request.query_params.get("span", "1h")
    seen = traffic_seen.seen(at.site, by, at.project, endpoint=endpoint, span=span)
    (now,) = health.look(request, (endpoint,))
    return page(
        request,
        "traffic.html",
        section=PLACE,
        endpoint=endpoint,
        health=now,
        seen=seen,
        tables=_tables(seen),
        spans=SPANS,
        span=span,
    )


Line = list[float | None]


def _tables(seen: traffic_seen.Seen) -> list[tuple[str, str, list[str], list[tuple[int, Line]]]]:
    """(title, unit, names of the lines, rows of (time, values)) of each chart."""
    of = {(slot.at, _line(slot)): slot for slot in seen.slots}
    names = sorted({line for _, line in of})
    times = range(seen.since, seen.until, seen.seconds)

    def rows(value: str, empty: float | None) -> list[tuple[int, Line]]:
        found = [(t, [of.get((t, name)) for name in names]) for t in times]
        return [(t, [getattr(slot, value) if slot else empty for slot in line]) for t, line in found]

    each = f"in {words.span(seen.seconds)}"
    return [
        ("Requests", each, names, rows("requests", 0)),
        ("Refused", each, names, rows("errors", 0)),
        ("Latency, median", "ms", names, rows("p50_ms", None)),
        ("Latency, 99 of 100 are faster", "ms", names, rows("p99_ms", None)),
    ]


def _line(slot: object) -> str:
    name = str(getattr(slot, "release", "")).partition(":")[2]
    return f"{name} (shadow)" if getattr(slot, "shadow", False) else name


def _endpoint(request: Request) -> Endpoint:
    site = context.context(request).site
    return versions.resolve(site.ledger, Endpoint, f"endpoint:{request.path_params['name']}")


def columns(request: Request, endpoint: Endpoint) -> tuple[Column, ...]:
    """What a row of the release that answers most has to hold; nothing where none does."""
    at, by = context.context(request), context.actor(request)
    if not endpoint.shares:
        return ()
    most = max(endpoint.shares, key=endpoint.shares.__getitem__)
    path = look.file(at.site, by, at.project, reference=most, name="signature.json")
    return decode(Signature, path.read_bytes()).columns


def form(request: Request, endpoint: Endpoint, typed: Mapping[str, str] | None) -> tuple[list[trying.Input], str]:
    """The fields; or none, and why: a page has more on it than this form."""
    found, why = lost.part(request, lambda: columns(request, endpoint))
    return trying.inputs(found or (), typed), why


async def try_it(request: Request) -> Response:
    """Ask the endpoint about one row, as whoever is logged in; it is logged like every other."""
    typed = await forms.prefixed(request, trying.PREFIX)
    return await forms.shown(lambda: _tried(request, typed), lambda error: _shown(request, typed, None, error))


def _tried(request: Request, typed: Mapping[str, str]) -> Response:
    at, by, endpoint = context.context(request), context.actor(request), _endpoint(request)
    row = trying.row(columns(request, endpoint), typed)
    target = f"{PLACE}/{endpoint.name}/predict"
    headers = {"Content-Type": "application/json", "Arkwright-Caller": by.name}
    answer = plane.ask(at.endpoints, "POST", target, row, headers)
    return _shown(request, typed, trying.tried(row, answer), None)


def _shown(
    request: Request, typed: Mapping[str, str], tried: trying.Tried | None, refused: ArkwrightError | None
) -> Response:
    endpoint = _endpoint(request)
    inputs, no_form = form(request, endpoint, typed)
    status = refused.status if refused else 200
    problem = str(refused) if refused else None
    return page(
        request,
        "try.html",
        status=status,
        problem=problem,
        section=PLACE,
        endpoint=endpoint,
        inputs=inputs,
        no_form=no_form,
        tried=tried,
        untried=None if tried else problem,
    )
