"""The form that promotes, the same on the page of a release and on that of an endpoint."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from arkwright.api.endpoints import rollout
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.pages import forms
from arkwright.web import context

TERMS, SHARE, SHADOW, ALL = "terms", "share", "shadow", "all"  # how: as the project says, a part, a copy, everything
HOW = (TERMS, SHARE, SHADOW, ALL)


async def promote(request: Request, place: str, again: Callable[[Request, ArkwrightError], Response]) -> Response:
    """A release takes over: all of it, a share of it, or as a shadow; of the endpoint as it was looked at."""
    at, by = context.context(request), context.actor(request)
    said = await forms.fields(request, "release", "endpoint", "how", "share", "reason", "version", "sure")

    def work() -> str:
        if not said["reason"]:
            raise Invalid("say why it takes over; whoever is answered by it may want to know")
        if said["sure"] != "yes":
            raise Invalid(f"confirm that {said['endpoint']} moves: real callers will notice")
        moved = rollout.promote(
            at.site,
            by,
            at.project,
            release=said["release"],
            endpoint=said["endpoint"],
            share=_share(said["how"], said["share"]),
            shadow=said["how"] == SHADOW,
            reason=said["reason"],
            version=forms.count(said["version"]),
        )
        return f"{moved.ref}: {moved.reason}"

    return await forms.decided(request, place, work, again)


def _share(how: str, typed: str) -> float | None:
    """The part of the requests; None where the project's terms say it. Raises Invalid where one thing was chosen and
    another typed.
    """
    if how not in HOW:
        raise Invalid(f"say how it takes over: {', '.join(HOW)}")
    if typed and how != SHARE:
        raise Invalid(f"a share of {typed[:20]} was typed, but not chosen; choose it, or leave it empty")
    return {ALL: 1.0, SHARE: forms.part(typed) if how == SHARE else None}.get(how)
