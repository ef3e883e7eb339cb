"""Whether the control room is ready, for whoever sends people and programs there: they need no login."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Endpoint
from arkwright.sites import Site
from arkwright.web import context, plane

PATIENCE = 2.0  # seconds in which the server of the endpoints tells what it answers with
MOST, NAMED = 1000, 5  # endpoints that are looked at, and that are named


def health(request: Request) -> Response:
    """Not ready (503): the records cannot be read, or no endpoint can be asked. Degraded (200): the room can be used,
    and something that was promoted does not answer, or there is no room on the disk: one endpoint that cannot be loaded
    must not take away the pages on which it is mended.
    """
    at, short = context.context(request), list[str]()
    waits = list(at.unready())
    try:
        at.site.ledger.head()
        short = [] if waits else _short(at)
    except Refused:
        waits.append("endpoints")
    except Exception:  # noqa: BLE001 - whatever it is, the log of whoever reads the records tells of it
        waits.append("records")
    if waits:
        return _told(503, {"status": "not ready", "waits_for": waits}, {"Retry-After": "1"})
    why = ["the disk is full"] * _late(at.site) + short
    return _told(200, {"status": "degraded", "why": "; ".join(why)} if why else {"status": "ready"}, {})


def _told(status: int, said: dict[str, object], headers: dict[str, str]) -> Response:
    return Response(msgspec.json.encode(said), status, headers, media_type="application/json")


def _short(at: context.Context) -> list[str]:
    """Which endpoints do not answer as they were promoted. Raises Refused where their server does not tell."""
    promoted = [one for one in at.site.catalog.newest(Endpoint, limit=MOST) if not one.stopped]
    if not promoted or at.endpoints is None:
        return []
    told = msgspec.json.decode(plane.ask(at.endpoints, "GET", "/", patience=PATIENCE).body)["endpoints"]
    answering = {name: set(one["releases"]) for name, one in told.items()}
    names = sorted(one.name for one in promoted if not one.shares.keys() <= answering.get(one.name, set()))
    if not names:
        return []
    who = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    verb = "does" if len(names) == 1 else "do"
    return [f"{who} {verb} not answer as promoted: not loaded yet, or it cannot be, which the server's log tells"]


def _late(site: Site) -> bool:
    """Whether the disk has no room for what pages show: they go on with what was there before."""
    if site.catalog.behind is None:
        return False
    try:
        site.catalog.follow()
    except ArkwrightError:
        return True
    return False
