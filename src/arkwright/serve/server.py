"""One worker: one process, one event loop, every endpoint given."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

import uvloop

from arkwright.core.errors import Invalid, Refused
from arkwright.core.ports import Served
from arkwright.serve.app import App
from arkwright.serve.batch import log
from arkwright.serve.http import Front, Limits
from arkwright.serve.loaded import Loaded, load

Ready = Callable[[str], None]


class Server:
    """The listening server inside a running loop."""

    def __init__(self, loaded: Sequence[Loaded], limits: Limits, *, loopback: bool = True) -> None:
        self.limits = limits
        self.app = App(loaded, limits.body)
        self.front = Front(self.app, limits, loopback=loopback)
        self._listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen; the address. Port 0 takes any free one. Raises Invalid when the port is taken."""
        try:
            self._listener = await asyncio.get_running_loop().create_server(self.front, host, port, backlog=2048)
        except (OSError, OverflowError) as error:
            raise Invalid(f"cannot listen on {host}:{port}: {error}; choose another port, 0 for any") from None
        bound = self._listener.sockets[0].getsockname()
        return f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}"

    async def stop(self) -> None:
        """Not ready from now on; accept for `drain_delay` more; then finish what is in flight."""
        assert self._listener
        self.app.stopping = self.front.draining = True
        await asyncio.sleep(self.limits.drain_delay)
        self._listener.close()
        await self.front.drain()
        self.app.close()


def run(
    loaded: Sequence[Loaded],
    host: str,
    port: int,
    ready: Ready,
    *,
    allow_remote: bool = False,
    limits: Limits | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` gets the address, like `http://127.0.0.1:8000`.

    Raises Refused for an address other machines reach, unless `allow_remote`: there is no authentication yet.
    """
    if not loaded:
        raise Invalid("there is nothing to serve; give at least one endpoint")
    names = [one.endpoint for one in loaded]
    if len(set(names)) != len(names):
        raise Invalid("two endpoints have the same name")
    if not allow_remote and not _is_loopback(host):
        raise Refused(f"{host} is reached by other machines, and there is no authentication yet; serve on 127.0.0.1")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(loaded, host, port, ready, limits or Limits(), loopback=not allow_remote))


def serve(endpoints: Mapping[str, Served], host: str, port: int, ready: Ready) -> None:
    """Serve each endpoint with its verified release until SIGTERM or SIGINT."""
    run(
        [load(one.folder, endpoint=n, release=one.release, digest=one.digest) for n, one in endpoints.items()],
        host,
        port,
        ready,
    )


async def _serve(
    loaded: Sequence[Loaded], host: str, port: int, ready: Ready, limits: Limits, *, loopback: bool
) -> None:
    server = Server(loaded, limits, loopback=loopback)
    address = await server.start(host, port)
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(ValueError, RuntimeError):  # only the main thread may; a test stops it otherwise
            loop.add_signal_handler(sign, stopped.set)
    ready(address)
    log.info("serving %s at %s", ", ".join(one.release for one in loaded), address)
    await stopped.wait()
    await server.stop()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
