"""Endpoints: which release gets which share, how it came about, what goes through; and the buttons that move it."""

import time
from collections import Counter
from datetime import datetime
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api import decide
from arkwright.api.endpoints import emergency, rollout
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Invalid, Refused
from arkwright.core.nouns import Endpoint, Event, Release
from arkwright.core.record import decode
from arkwright.pages import alarming, forms, health, predictions, promoting, talk, traffic, watched, why
from arkwright.pages.render import page
from arkwright.sites import Site
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/endpoints"
SHOWN, OFFERED = 20, 5  # moves; releases that may take over


def routes() -> list[Route]:
    return [
        route(PLACE, all_of, "look"),
        route(PLACE + "/{name}", one, "look"),
        route(PLACE + "/{name}/promote", promote, "own", ["POST"]),
        route(PLACE + "/{name}/rollback", rollback, "own", ["POST"]),
        route(PLACE + "/{name}/stop", stop, "own", ["POST"]),
        route(PLACE + "/{name}/resume", resume, "own", ["POST"]),
        *traffic.routes(),
        *watched.routes(),
        *why.routes(),
        *predictions.routes(),
    ]


def all_of(request: Request) -> Response:
    found = context.context(request).site.catalog.newest(Endpoint, limit=200)
    return page(
        request, "endpoints.html", section=PLACE, healths=health.look(request, found), alarms=_standing(request)
    )


def _standing(request: Request) -> Counter[str]:
    return alarming.counted(alarming.standing(request))


def one(request: Request) -> Response:
    return _one(request, None)


def _one(request: Request, refused: ArkwrightError | None) -> Response:
    at, name = context.context(request), request.path_params["name"]
    endpoint = versions.resolve(at.site.ledger, Endpoint, f"endpoint:{name}")
    moves = [(event, decode(Endpoint, event.body)) for event in _moves(at.site, endpoint)]
    (now,) = health.look(request, (endpoint,))
    inputs, no_form = traffic.form(request, endpoint, None)
    return page(
        request,
        "endpoint.html",
        status=refused.status if refused else 200,
        problem=str(refused) if refused else None,
        section=PLACE,
        endpoint=endpoint,
        health=now,
        alarms=alarming.look(request, endpoint.name),
        standing=_standing(request),
        moves=moves,
        **_shares(moves),
        **(_movable(at.site, endpoint) if forms.may(request, "own") else {}),
        inputs=inputs,
        no_form=no_form,
        tried=None,
        untried=None,
        talk=talk.panel(request, f"{Endpoint.KIND}:{endpoint.name}"),
    )


def _shares(moves: list[tuple[Event, Endpoint]]) -> dict[str, Any]:
    """Which release answered which part of the requests, from each of these moves until now, in percent."""
    names = list(dict.fromkeys(ref for _, move in reversed(moves) for ref in move.shares))
    rows = [(_seconds(event.at), _parts(move, names)) for event, move in reversed(moves)]
    if rows:
        rows.append((max(time.time(), rows[-1][0]), rows[-1][1]))
    return {"releases": [ref.partition(":")[2] for ref in names], "shares": rows}


def _parts(move: Endpoint, names: list[str]) -> list[float]:
    return [0.0 if move.stopped else 100 * move.shares.get(ref, 0.0) for ref in names]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def _moves(site: Site, endpoint: Endpoint) -> list[Event]:
    keys = (f"{endpoint.name}@{version}" for version in range(endpoint.version, 0, -1))
    return [event for key in islice(keys, SHOWN) if (event := site.ledger.get(Endpoint.KIND, key))]


def _movable(site: Site, endpoint: Endpoint) -> dict[str, Any]:
    """What it may be moved to: releases that are offered, and what it answered with before or why there is nothing."""
    found: dict[str, Any] = {"offered": _offered(site, endpoint), "earlier": {}, "no_earlier": ""}
    try:
        found["earlier"] = rollout.back(site, endpoint, "").shares
    except Refused as error:
        found["no_earlier"] = str(error)
    return found


def _offered(site: Site, endpoint: Endpoint) -> list[tuple[Release, bool]]:
    """The newest releases that this endpoint takes, and whether each may be deployed."""
    if endpoint.terms is None:
        return []
    newest = versions.latest(site.ledger, Release, endpoint.terms.model)
    found: list[Release] = []
    for version in range(newest.version if newest else 0, 0, -1):
        event = site.ledger.get(Release.KIND, f"{endpoint.terms.model}@{version}")
        release = decode(Release, event.body) if event else None
        if release and release.gate.name == endpoint.terms.gate:
            found.append(release)
        if len(found) == OFFERED:
            break
    return [(release, now.passed) for release, now in zip(found, decide.at_a_glance(site, found), strict=True)]


async def promote(request: Request) -> Response:
    return await promoting.promote(request, f"{PLACE}/{request.path_params['name']}", _one)


async def rollback(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    said = await forms.fields(request, "reason", "version", "sure")

    def work() -> str:
        if said["sure"] != "yes":
            raise Invalid(f"confirm that {name} answers as before")
        if not said["reason"]:
            raise Invalid("say why it is rolled back; whoever is woken by it wants to know")
        version = forms.count(said["version"]) if said["version"] else None
        moved = rollout.rollback(at.site, by, at.project, endpoint=name, reason=said["reason"], version=version)
        return f"{moved.ref}: {moved.reason}"

    return await forms.decided(request, f"{PLACE}/{name}", work, _one)


async def stop(request: Request) -> Response:
    """Nothing answers any more, at once, whatever was moved meanwhile."""
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    said = await forms.fields(request, "reason", "sure")

    def work() -> str:
        if said["sure"] != "yes":
            raise Invalid(f"confirm that nothing is to answer at {name}")
        moved = emergency.stop(at.site, by, at.project, endpoint=name, reason=said["reason"])
        return f"{moved.ref} is stopped: {moved.reason}"

    return await forms.decided(request, f"{PLACE}/{name}", work, _one)


async def resume(request: Request) -> Response:
    at, by, name = context.context(request), context.actor(request), request.path_params["name"]
    said = await forms.fields(request, "reason", "version")

    def work() -> str:
        version = forms.count(said["version"])
        moved = emergency.resume(at.site, by, at.project, endpoint=name, reason=said["reason"], version=version)
        return f"{moved.ref}: {moved.reason}"

    return await forms.decided(request, f"{PLACE}/{name}", work, _one)
