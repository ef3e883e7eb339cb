"""What is refused is put on record before the answer leaves: who, what, which right, from where, when."""

import logging
from collections.abc import Sequence

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Message, Scope, Send

from arkwright.api.people import entering
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Account
from arkwright.govern.denied import Attempt
from arkwright.sites import Site
from arkwright.web.entry import Entry, network
from arkwright.web.routes import PUBLIC

log = logging.getLogger("arkwright.control")
REFUSALS = {401: "not proven", 403: "no right to it", 429: "too often"}
LED = 303  # to the page to log in
SAFE = ("GET", "HEAD", "OPTIONS")
METHODS = (*SAFE, "POST", "PUT", "PATCH", "DELETE")


class Refusals:
    """Of one control room. One thread writes: what comes meanwhile is written together, so no flood of strangers is
    in anybody's way.
    """

    def __init__(self, site: Site, entry: Entry) -> None:
        self._site, self._entry = site, entry
        self._turn = anyio.CapacityLimiter(1)

    def noting(self, scope: Scope, send: Send) -> Send:
        """Sends on; a refusal only when it is on record."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                error = scope.get("arkwright.refused")
                status = error.status if error else message["status"]
                if status in REFUSALS and not (message["status"] == LED and _showed_nothing(scope)):
                    await self._note(scope, status, str(error or ""))
            await send(message)

        return sending

    async def _note(self, scope: Scope, status: int, why: str) -> None:
        try:
            attempt = await anyio.to_thread.run_sync(self._attempt, scope, status, why)
            self._site.denied.take(attempt, scope["arkwright.request"])
            await anyio.to_thread.run_sync(self._site.denied.write, limiter=self._turn)
        except ArkwrightError as error:  # it is refused all the same
            if self._entry.first("not on record"):
                where = scope.get("arkwright.place", ("",))[0]
                log.error("a refusal is not on record (%s %s): %s", where, status, error)  # noqa: TRY400

    def _attempt(self, scope: Scope, status: int, why: str) -> Attempt:
        method = scope["method"] if scope["method"] in METHODS else "another method"
        where, right = scope.get("arkwright.place") or ("", "")
        client = scope.get("client")
        who, proven, via = self._who(scope)
        return Attempt(
            who=who,
            proven=proven,
            via=via,
            what=f"{method} {where or 'no such page'}",
            right="" if right == PUBLIC else right,
            why=why or REFUSALS[status],
            status=status,
            address=network(client[0]) if client else "",
        )

    def _who(self, scope: Scope) -> tuple[str, bool, str]:
        """The account, whether that was proven, and what was shown. A name is kept only if an account has it: people
        type their passwords where the name belongs.
        """
        known: entering.Known | None = scope.get("arkwright.known")
        if known is not None:
            return known.account.name, True, known.via
        via, secret = scope.get("arkwright.shown") or ("nothing", "")
        claimed = scope.get("arkwright.claimed")
        name = secret.partition(".")[0] if claimed is None else claimed
        there = name and len(name) <= 64 and versions.latest(self._site.ledger, Account, name)
        return name if there else "", False, "password" if claimed is not None else via if secret else "nothing"


def _showed_nothing(scope: Scope) -> bool:
    """Whoever is led to the log-in then was refused nothing."""
    shown = scope.get("arkwright.shown") or ("", "")
    return not shown[1] and "authorization" not in Headers(scope=scope)


def place(routes: Sequence[BaseRoute], scope: Scope) -> tuple[str, str]:
    """(the path of the route, the right) that this request needs: of the route that answers; else of the one whose
    path it is, where only the method is wrong; a path that is no route is told to nobody who has not logged in.
    """
    partial = None
    for route in routes:
        match, child = route.matches(scope)
        if match == Match.NONE:
            continue
        inner = getattr(route, "routes", None)
        found = getattr(route, "path", ""), getattr(route, "right", None) or "own"
        if isinstance(route, Mount) and inner:
            below, right = place(inner, {**scope, **child})
            found = found[0] + below, right
        if match == Match.FULL:
            return found
        partial = partial or found
    return partial or ("", "look")
