"""The process of `arkwright up`: the control room, and the endpoints beside it."""

import faulthandler
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from arkwright.api import one_folder
from arkwright.api.jobs.keeper import Keeper
from arkwright.api.people import first_owner
from arkwright.api.talking import telling
from arkwright.api.talking.reminders import Reminding
from arkwright.api.watch.clock import Clock
from arkwright.control import https
from arkwright.control.app import application
from arkwright.control.careful import careful
from arkwright.control.listening import Listening, check, here, hosts, opened
from arkwright.control.listening import address as called
from arkwright.control.plane import Plane
from arkwright.core.masked import quiet_driver
from arkwright.core.nouns import Actor
from arkwright.pages import words
from arkwright.sites import Site
from arkwright.web.context import Context

DRAIN = 30  # seconds in which what is asked is still answered when it is stopped
TURN_S = 0.0005  # a thread's turn while others wait: the loop's, for an answer that is ready, comes ten times as soon


def up(
    site: Site, by: Actor, project: Path, *, listening: Listening, ready: Callable[[str, str, str | None], None]
) -> None:
    """Serve until stopped. `ready` gets the address, the host and port on which it listens, and the link that lets the
    first owner in while there is none.

    Raises Refused where other machines would reach what is not protected; Unreachable where nobody could log in through
    the provider, because its secret cannot be read.
    """
    quiet_driver()
    check(site, listening)
    if site.provider:
        site.provider.secret()
    door = opened(listening)
    port = door.getsockname()[1]
    address = called(listening, port)
    secret = first_owner.invitation(site, by, project)
    site.reserve.keep()
    one_folder.warn_of_another(site)
    link = f"{address}/join/{secret}" if secret else None
    told = telling.outbox(site, lambda ref: _page(site.settings.address or address, ref))
    with Keeper(site, project), told, Reminding(site, project), Clock(site, project), Plane(site, project) as plane:
        app = application(
            Context(
                site,
                project,
                address,
                hosts(listening),
                endpoints=plane.address,
                unready=lambda: () if plane.ready else ("endpoints",),
            )
        )
        faulthandler.enable()  # native code that crashes says where
        sys.setswitchinterval(TURN_S)
        gc.freeze()  # what is loaded by now stays: long lists need not have it searched for garbage
        ready(address, here(listening, port), link)
        _Server(configured(app, listening), app).run(sockets=[door])


def configured(app: Starlette, listening: Listening) -> uvicorn.Config:
    """How uvicorn serves it."""
    return uvicorn.Config(
        app,
        http=careful(listening.proxies),
        ws="none",
        log_level="error",  # what a stranger gets wrong is no line of ours
        access_log=False,
        server_header=False,
        proxy_headers=bool(listening.proxies),
        forwarded_allow_ips=list(listening.proxies),
        ssl_context_factory=_tls(app, listening),
        timeout_graceful_shutdown=DRAIN,
    )


def _tls(app: Starlette, listening: Listening) -> Callable[..., ssl.SSLContext] | None:
    if not (listening.cert and listening.key):
        return None
    made = https.context(listening.cert, listening.key, app.state.context.address)
    return lambda *_: made


def _page(address: str, reference: str) -> str | None:
    """Where people look at a noun."""
    place = words.address(reference)
    return address + place if place else None


class _Server(uvicorn.Server):
    """Ends in order on a signal: what is beside it is put away by whoever started it."""

    def __init__(self, config: uvicorn.Config, app: Starlette) -> None:
        super().__init__(config)
        self._app = app

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        for sign in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises it once more at the end
            signal.signal(sign, lambda *_: setattr(self, "should_exit", True))
        super().run(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.stopping = True  # streams without an end see it
        await super().shutdown(sockets)
