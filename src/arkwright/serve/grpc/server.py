"""gRPC on the worker's own event loop, on a port of its own."""

import asyncio
import contextlib
import itertools
import logging
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.usercode import frames
from arkwright.serve.grpc.health import Health
from arkwright.serve.grpc.messages import CLASSES, code, write
from arkwright.serve.grpc.service import Door, Service
from arkwright.serve.grpc.tensors import framed
from arkwright.serve.wire.address import check_host, numeric, shown
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import GONE, LATE, REQUEST_ID, Problem, Request, Response, come_again, named

QUIET, LEAVE = 0.1, 2.0  # seconds without a new call until a stopping server takes no more, and at most
Context = Any  # grpc.aio.ServicerContext, which no stub describes
Act = Callable[[bytes, Request, Context], Awaitable[bytes]]
Handle = Callable[[object, Context], Awaitable[Any]]
TOO_LARGE = 413
_INFERENCE, _HEALTH = "/inference.GRPCInferenceService/", "/grpc.health.v1.Health/"
_STREAM = _INFERENCE + "ModelStreamInfer"
_RETRY = re.compile(rb"Retry-After: (\d+)\r\n")
log = logging.getLogger("arkwright.serve")
# it tells what a caller sent, whole, where metadata is no text
logging.getLogger("grpc._cython.cygrpc").addFilter(lambda record: "Invalid encoding" not in str(record.msg))


class GrpcServer:
    """Answers for what is behind `door`, in the running loop."""

    def __init__(self, door: Door, limits: Limits) -> None:
        self._limits = limits
        self._stopping = asyncio.Event()
        self._server = grpc.aio.server(options=_options(limits))
        self._calls = _Calls(door, limits, self._stopping)
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

        gRPC's core cancels what it has received and not yet handed over, so first that is taken, for at most LEAVE.
        """
        self._stopping.set()
        loop, seen = asyncio.get_running_loop(), -1
        end = loop.time() + LEAVE
        while seen != self._calls.taken and loop.time() < end:
            seen = self._calls.taken
            await asyncio.sleep(QUIET)
        await self._server.stop(self._limits.drain_time)


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", -1),
        # beyond what is refused here, so that what is refused is noted
        ("grpc.max_metadata_size", 4 * limits.headers),
        ("grpc.absolute_max_metadata_size", 4 * limits.headers),
        # else of many that wait to be taken some are dropped, whoever sent them
        ("grpc.server.max_pending_requests", 16 * limits.queue),
        ("grpc.server.max_pending_requests_hard_limit", 32 * limits.queue),
        ("grpc.max_concurrent_streams", limits.queue),  # a client that knows it lets more wait; a new one is refused
        ("grpc.server_handshake_timeout_ms", int(limits.header_time * 1000)),
        ("grpc.keepalive_time_ms", int(limits.idle * 1000)),  # a client that vanished is noticed
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        ("grpc.http2.max_ping_strikes", 2),
    ]


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    """From the wire to the service. Messages are read here, so that one that never comes whole is given up in time."""

    def __init__(self, door: Door, limits: Limits, stopping: asyncio.Event) -> None:
        self._door, self._limits, self._stopping = door, limits, stopping
        self._service = Service(door)
        self._health = Health(door, stopping)
        self.taken = 0  # calls, ever
        self._open = 0  # calls at work
        self._bytes = 0  # of the messages at work
        acts = {_INFERENCE + name: _at_once(act) for name, act in self._service.calls.items()}
        acts[_INFERENCE + "ModelInfer"] = self._infer
        for verb in ("load", "unload"):
            acts[f"{_INFERENCE}RepositoryModel{verb.capitalize()}"] = partial(self._repository, verb)
        acts[_HEALTH + "Check"] = _at_once(lambda body, _: self._health.check(body))
        self._handlers = {path: self._unary(path, act) for path, act in acts.items()}
        self._handlers[_STREAM] = grpc.stream_stream_rpc_method_handler(self._counted(self._stream))
        self._handlers[_HEALTH + "Watch"] = grpc.stream_stream_rpc_method_handler(self._counted(self._watch))

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        self.taken += 1
        size = 0
        for key, value in handler_call_details.invocation_metadata:
            size += len(key) + len(value)
        path = handler_call_details.method
        # gRPC's own bound holds what comes on the wire, where a few bytes may stand for thousands (HPACK)
        if size > self._limits.headers:
            return self._refusing(path, Problem(431, f"metadata may have {self._limits.headers} bytes"))
        if path not in self._handlers:
            return self._refusing(
                path, Problem(501, f"there is no call {path[:80]}{did_you_mean(path, self._handlers)}")
            )
        if self._open >= self._limits.connections:
            return self._refusing(path, Problem(503, "too many calls at once; try again", come_again()))
        return self._handlers[path]

    def _unary(self, path: str, act: Act) -> grpc.RpcMethodHandler:
        async def handle(_: object, context: Context) -> bytes:
            request = _request(context, path)
            try:
                answer = await self._answer(act, request, context)
            except Problem as refusal:
                return await _abort(context, refusal, request)
            context.set_trailing_metadata(_name(request))
            return answer

        return grpc.stream_unary_rpc_method_handler(self._counted(handle))

    def _counted(self, handle: Handle) -> Handle:
        async def counted(asked: object, context: Context) -> Any:
            self._open += 1
            try:
                return await handle(asked, context)
            finally:
                self._open -= 1

        return counted

    def _refusing(self, path: str, problem: Problem) -> grpc.RpcMethodHandler:
        """The answer to a call that is not looked at; it is noted as any other."""

        async def refuse(_: object, context: Context) -> bytes:
            request = Request("POST", path, {}, b"", caller=_caller(context))
            self._door.told(request, problem.response())
            return await _abort(context, problem, request)

        return grpc.stream_unary_rpc_method_handler(refuse)

    async def _answer(self, act: Act, request: Request, context: Context, body: bytes | None = None) -> bytes:
        """The answer to one message, this one or the call's only one, noted. Raises Problem, whatever goes wrong."""
        try:
            if body is None:
                async with asyncio.timeout(self._limits.request_time):
                    body = await _message(context, request)
            async with asyncio.timeout(self._limits.answer_time):
                request.received = asyncio.get_running_loop().time()
                answer = await self._within(act, body, request, context)
        except Problem as problem:
            refusal = problem
        except TimeoutError:
            request.gone = LATE
            refusal = Problem(LATE, "the request took too long")
        except asyncio.CancelledError:
            if request.gone == TOO_LARGE:
                self._door.told(request, Problem(TOO_LARGE, "").response())
            raise
        except Exception as error:  # noqa: BLE001 - an answer is due, whatever it is
            log.error("a call failed: %s", frames(error))  # noqa: TRY400 - not what it says
            refusal = Problem(500, "the server failed on this request; its log says why")
        else:
            self._door.told(request, Response(200, answer))
            return answer
        self._door.told(request, refusal.response())
        raise refusal

    async def _within(self, act: Act, body: bytes, request: Request, context: Context) -> bytes:
        """The answer, if there is room for a message of this size. Raises Problem (503)."""
        if self._bytes + len(body) > self._limits.bodies:
            raise Problem(503, "too many large requests at once; try again", come_again())
        self._bytes += len(body)
        try:
            return await act(body, request, context)
        finally:
            self._bytes -= len(body)

    async def _infer(self, body: bytes, request: Request, context: Context) -> bytes:
        return await self._service.infer(body, request, context.time_remaining())

    async def _repository(self, verb: str, body: bytes, request: Request, context: Context) -> bytes:
        del request, context
        return await self._service.repository(verb, body)

    async def _stream(self, _: object, context: Context) -> None:
        """One request after the other, each answered in its turn. An error is an answer, and the stream goes on.

        The caller's id is the stream's: with the message's number behind it, it is the message's.
        """
        numbers = itertools.count(1)
        stopping = asyncio.ensure_future(self._stopping.wait())
        reading = None
        try:
            while True:
                reading = asyncio.ensure_future(context.read())
                await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
                if not reading.done() or (body := reading.result()) is grpc.aio.EOF:
                    return
                await context.write(await self._streamed(body, context, next(numbers)))
        finally:
            stopping.cancel()
            if reading is not None:
                reading.cancel()

    async def _streamed(self, body: bytes, context: Context, number: int) -> bytes:
        request = _request(context, _STREAM)
        if own := request.headers.get(REQUEST_ID):
            request.headers = {**request.headers, REQUEST_ID: b"%b-%d" % (own, number)}
        try:
            error, answer = b"", await self._answer(self._infer, request, context, body)
        except Problem as problem:
            error, answer = write("ModelStreamInferResponse", error_message=problem.message), b""
        if request.id:
            named = CLASSES["InferParameter"](string_param=request.id.decode())
            answer += write("ModelInferResponse", parameters={"x-request-id": named})
        return error + _framed(answer) if answer else error

    async def _watch(self, _: object, context: Context) -> None:
        """It is noted when it ends."""
        request, response = _request(context, _HEALTH + "Watch"), Response(200, b"")
        try:
            async with asyncio.timeout(self._limits.request_time):
                body = await _message(context, request)
            await self._health.watch(body, context)
        except (Problem, TimeoutError) as error:
            problem = error if isinstance(error, Problem) else Problem(408, "the request took too long to arrive")
            response = problem.response()
            await _abort(context, problem, request)
        except asyncio.CancelledError:
            request.gone = request.gone or GONE
            raise
        finally:
            self._door.told(request, response)


def _at_once(act: Callable[[bytes, Request], bytes]) -> Act:
    async def answer(body: bytes, request: Request, _: Context) -> bytes:
        return act(body, request)

    return answer


async def _message(context: Context, request: Request) -> bytes:
    """The call's message. gRPC's core hides one that is too large, and then ends the call by itself."""
    body = await context.read()
    if body is grpc.aio.EOF:
        request.gone = TOO_LARGE  # if it is ended now
        await asyncio.sleep(QUIET)
        request.gone = 0
        raise Problem(400, "the call came without a message")
    return bytes(body)


def _name(request: Request) -> tuple[tuple[str, str], ...]:
    """What the answer calls the request."""
    id_ = request.id or named(request.headers)
    return (("x-request-id", id_.decode()),) if id_ else ()


async def _abort(context: Context, problem: Problem, request: Request) -> bytes:
    """End a call with a refusal: raises, unless the caller is gone; then nothing that is returned is sent."""
    found = _RETRY.search(problem.headers)
    pushback = (("grpc-retry-pushback-ms", f"{int(found[1])}000"),) if found else ()
    with contextlib.suppress(grpc.aio.InternalError):
        await context.abort(code(problem.status), problem.message, (*_name(request), *pushback))
    return b""


def _request(context: Context, path: str) -> Request:
    headers: dict[bytes, bytes] = {}
    for key, value in context.invocation_metadata():
        name, text = key.encode(), value if isinstance(value, bytes) else value.encode()
        headers[name] = headers[name] + b", " + text if name in headers else text
    now = asyncio.get_running_loop().time()
    return Request("POST", path, headers, b"", caller=_caller(context), received=now)


def _caller(context: Context) -> str:
    return unquote(context.peer().partition(":")[2].rpartition(":")[0]).strip("[]")


def _framed(response: bytes) -> bytes:
    """A ModelInferResponse inside a ModelStreamInferResponse: field 2, its length, itself."""
    return b"".join(framed(2, response))
