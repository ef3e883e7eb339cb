"""gRPC on the worker's own event loop, on a port of its own."""

import asyncio

import grpc
import grpc.aio

from arkwright.core.errors import Invalid
from arkwright.serve.grpc.calls import Calls
from arkwright.serve.grpc.service import Door
from arkwright.serve.wire.address import check_host, numeric, shown
from arkwright.serve.wire.limits import Limits

QUIET, LEAVE = 0.1, 2.0  # seconds without a new call until a stopping server takes no more, and at most
HELD = 0.5  # seconds for which answers wait for that, at most


class GrpcServer:
    """Answers for what is behind `door`, in the running loop."""

    def __init__(self, door: Door, limits: Limits) -> None:
        self._limits = limits
        self._stopping = asyncio.Event()
        self._server = grpc.aio.server(options=_options(limits))
        self._calls = Calls(door, limits, self._stopping)
        self._server.add_generic_rpc_handlers((self._calls,))

    async def start(self, host: str, port: int, *, allow_remote: bool = False) -> str:
        """Listen; the address, like `127.0.0.1:8001`. Port 0 takes any free one.

        The port is shared with every process of the same user that asks for it in the same way (SO_REUSEPORT), as
        workers do. Raises Refused for an address that other machines reach, unless `allow_remote`; Invalid when the
        port is taken.
        """
        check_host(host, allow_remote=allow_remote)
        host = numeric(host)
        try:
            bound = self._server.add_insecure_port(shown(host, port))
        except RuntimeError:
            raise Invalid(f"cannot listen on {shown(host, port)}; choose another port, 0 for any") from None
        await self._server.start()
        return shown(host, bound)

    async def stop(self) -> None:
        """Accept no more calls; finish what is in flight, at most `drain_time`. Streams end after what they are at.

        gRPC's core cancels what it has received and not yet handed over, so first that is taken, for at most LEAVE; and
        what a client sends before it has read that the connection ends, so answers wait until that is on its way: who
        asks again when it is answered asks another server.
        """
        self._stopping.set()
        held = asyncio.get_running_loop().call_later(HELD, self._calls.parting.set)
        loop, seen = asyncio.get_running_loop(), -1
        end = loop.time() + LEAVE
        while seen != self._calls.taken and loop.time() < end:
            seen = self._calls.taken
            await asyncio.sleep(QUIET)
        ending = asyncio.create_task(self._server.stop(self._limits.drain_time))
        await asyncio.sleep(0)  # clients are told
        held.cancel()
        self._calls.parting.set()
        await ending


def _options(limits: Limits) -> list[tuple[str, int]]:
    calls = max(limits.queue, Limits().queue)  # of a short queue too those are told so who do not fit
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.per_message_decompression", 0),  # else each is inflated when it comes, however many come
        ("grpc.max_send_message_length", -1),
        # beyond what is refused here, so that what is refused is noted
        ("grpc.max_metadata_size", 4 * limits.headers),
        ("grpc.absolute_max_metadata_size", 4 * limits.headers),
        # else of many that wait to be taken some are dropped, whoever sent them
        ("grpc.server.max_pending_requests", 16 * calls),
        ("grpc.server.max_pending_requests_hard_limit", 32 * calls),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.max_concurrent_streams", calls),  # a client that knows it lets more wait; a new one is refused
        ("grpc.server_handshake_timeout_ms", int(limits.header_time * 1000)),
        ("grpc.keepalive_time_ms", int(limits.idle * 1000)),  # a client that vanished is noticed
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
    ]
