"""The process of `arkwright up`: the control room, and the endpoints beside it."""

import signal
from collections.abc import Callable
from pathlib import Path
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

import uvicorn
from starlette.applications import Starlette

from arkwright.api import accounts, telling
from arkwright.api.jobs_keeper import Keeper
from arkwright.api.reminders import Reminding
from arkwright.control.app import application
from arkwright.control.plane import Plane
from arkwright.core import versions
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Account, Actor
from arkwright.govern import passwords
from arkwright.pages import words
from arkwright.sites import Site
from arkwright.web.context import Context

DRAIN = 30  # seconds in which what is asked is still answered when it is stopped
FIRST = "owner"  # the name of the first account


def up(site: Site, by: Actor, project: Path, *, host: str, port: int, ready: Callable[[str, str | None], None]) -> None:
    """Serve until stopped. `ready` gets the address, and the link that lets the first owner in while there is none."""
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"
    link = None
    if not accounts.has_accounts(site):
        link = f"{address}/join/{accounts.invite(site, by, project, name=FIRST, role='owner').secret}"
    elif not any(True for _ in site.vault.find(passwords.KIND)):
        link = f"{address}/join/{accounts.invite_again(site, _first(site)).secret}"
    told = telling.outbox(site, lambda ref: _page(site.settings.address or address, ref))
    with Keeper(site, project), told, Reminding(site, project), Plane(site, project) as plane:
        app = application(
            Context(
                site,
                project,
                address,
                frozenset({"127.0.0.1", "localhost", "::1"}),
                endpoints=plane.address,
                unready=lambda: () if plane.ready else ("endpoints",),
            )
        )
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=DRAIN
        )
        ready(address, link)
        _Server(config, app).run(sockets=[listening])


def _page(address: str, reference: str) -> str | None:
    """Where people look at a noun."""
    place = words.address(reference)
    return address + place if place else None


def _first(site: Site) -> str:
    """The first account, which is an owner that nobody entered yet."""
    return next(a.name for a in versions.all_of(site.ledger, Account) if a.role == "owner")


class _Server(uvicorn.Server):
    """Ends in order on a signal: what is beside it is put away by whoever started it."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    def run(self, sockets: list[socket] | None = None) -> None:
        for sign in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises it once more at the end
            signal.signal(sign, lambda *_: setattr(self, "should_exit", True))
        super().run(sockets)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._app.state.stopping = True  # streams without an end see it
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket:
    made = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM)
    made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise Invalid(f"{host}:{port} cannot be listened on: {error.strerror}; take another --port") from None
    made.listen(256)
    return made
