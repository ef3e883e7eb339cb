"""Whole servers that are stopped by SIGTERM and started again, one after the other, behind a proxy that looks whether
they are ready.
"""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from siege_load import Load
from siege_proxies import proxy
from siege_report import Report, answers
from siege_server import Server, request

DRAIN = 3.0  # seconds in which a stopping server still accepts, and that the proxy has to find one ready: thirty looks


async def rolls(folder: Path, *, count: int) -> Report:
    """So many restarts of each of two, under load on connections that are kept."""
    loop = asyncio.get_running_loop()
    servers = [Server(folder / f"{port}", workers=1, port=port, drain_delay=DRAIN) for port in _free(2)]
    async with AsyncExitStack() as stack:
        for server in servers:
            stack.enter_context(server)
        port = await stack.enter_async_context(proxy("haproxy", folder, *(server.port for server in servers)))
        load = await stack.enter_async_context(Load(port, request(), connections=16, rate=400))
        for _ in range(count):
            for server in servers:
                await loop.run_in_executor(None, server.__exit__)
                await loop.run_in_executor(None, server.__enter__)
                await asyncio.sleep(DRAIN)
    report = Report("SIGTERM behind haproxy", {"restarts": count * len(servers), "answers": answers(load)})
    report.measured |= {
        "p99 ms": round(load.quantile(0.99), 1),
        "refused by the proxy": load.unhelpful,
        "failures": load.failed[:3],
    }
    report.bounds = {"0 failed": not load.failed and set(load.statuses) == {200}}
    return report


def _free(count: int) -> list[int]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
