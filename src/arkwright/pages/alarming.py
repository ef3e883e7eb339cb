"""Alarms on pages: what stands at endpoints, and what was done about it."""

from collections import Counter

from starlette.requests import Request

from arkwright.api.watch.alarms import RAISED, Alarmed
from arkwright.api.watch.standing import Standing
from arkwright.core.alarms import Alarm
from arkwright.core.rules import alarmed
from arkwright.pages.words import plain
from arkwright.web import context

PLACE = "#alarms"  # on an endpoint's page


def look(request: Request, endpoint: str | None = None) -> tuple[Alarmed, ...]:
    """What stands, then what is over. What was read for one page is not read again for the next."""
    state = request.app.state
    if not hasattr(state, "alarms"):
        state.alarms = Standing(context.context(request).site.ledger)
    standing: Standing = state.alarms
    return standing.look(endpoint)


def standing(request: Request) -> tuple[Alarm, ...]:
    """Of all endpoints."""
    return tuple(one.alarm for one in look(request) if one.state == RAISED)


def counted(alarms: tuple[Alarm, ...]) -> Counter[str]:
    """How many stand at each endpoint."""
    return Counter(alarm.about for alarm in alarms)


def says(alarm: Alarm) -> tuple[str, str]:
    """In plain words: (what does not hold where, what was found)."""
    return f"{alarm.about} does not keep: {plain(alarm.promise)}", f"{alarm.breaker}: {alarmed(alarm)}"
