"""From the wire to the service: which call it is, its message, its answer, and how it is noted."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio

from arkwright.core.errors import did_you_mean
from arkwright.core.usercode import frames
from arkwright.serve.grpc.compressed import plain
from arkwright.serve.grpc.context import TOO_LARGE, Context, abort, caller, message, request_of, trailing
from arkwright.serve.grpc.health import Health
from arkwright.serve.grpc.messages import CLASSES, write
from arkwright.serve.grpc.service import LONG, Door, Service
from arkwright.serve.grpc.tensors import framed
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.messages import GONE, LATE, REQUEST_ID, Problem, Request, Response, come_again

Act = Callable[[bytes, Request, Context], Awaitable[bytes]]
Handle = Callable[[object, Context], Awaitable[Any]]
_INFERENCE, _HEALTH = "/inference.GRPCInferenceService/", "/grpc.health.v1.Health/"
_STREAM = _INFERENCE + "ModelStreamInfer"
log = logging.getLogger("arkwright.serve")
# it tells what a caller sent, whole, where metadata is no text
logging.getLogger("grpc._cython.cygrpc").addFilter(lambda record: "Invalid encoding" not in str(record.msg))


class Calls(grpc.GenericRpcHandler):  # type: ignore[misc]
    """From the wire to the service. Messages are read here, so that one that never comes whole is given up in time."""

    def __init__(self, door: Door, limits: Limits, stopping: asyncio.Event) -> None:
        self._door, self._limits, self._stopping = door, limits, stopping
        self._service = Service(door, limits.body)
        self._health = Health(door, stopping)
        self.parting = asyncio.Event()  # clients are told that their connections end, or need not be
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
            request = request_of(context, path)
            try:
                answer = await self._answer(act, request, context)
            except Problem as refusal:
                return await abort(context, refusal, request)
            context.set_trailing_metadata(trailing(request))
            if self._stopping.is_set():
                await self._parted(context)
            return answer

        return grpc.stream_unary_rpc_method_handler(self._counted(handle))

    async def _parted(self, context: Context) -> None:
        """An answer waits until its client is told that the connection ends; not beyond half of what is left to it."""
        left = context.time_remaining()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.parting.wait(), None if left is None else left / 2)

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
            request = Request("POST", path, {}, b"", caller=caller(context))
            self._door.told(request, problem.response())
            return await abort(context, problem, request)

        return grpc.stream_unary_rpc_method_handler(refuse)

    async def _answer(self, act: Act, request: Request, context: Context, body: bytes | None = None) -> bytes:
        """The answer to one message, this one or the call's only one, noted. Raises Problem, whatever goes wrong."""
        try:
            if body is None:
                async with asyncio.timeout(self._limits.request_time):
                    body = await message(context, request)
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
        body = request.body = b""
        try:
            raise refusal.with_traceback(None)  # who knows it and is known by it keeps all of the message
        finally:
            del refusal

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
        return await self._service.repository(verb, plain(body, LONG))

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
        request = request_of(context, _STREAM)
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
        request, response = request_of(context, _HEALTH + "Watch"), Response(200, b"")
        try:
            async with asyncio.timeout(self._limits.request_time):
                body = await message(context, request)
            await self._health.watch(plain(body, LONG), context)
        except (Problem, TimeoutError) as error:
            problem = error if isinstance(error, Problem) else Problem(408, "the request took too long to arrive")
            response = problem.response()
            await abort(context, problem, request)
        except asyncio.CancelledError:
            request.gone = request.gone or GONE
            raise
        finally:
            self._door.told(request, response)


def _at_once(act: Callable[[bytes, Request], bytes]) -> Act:
    async def answer(body: bytes, request: Request, _: Context) -> bytes:
        return act(plain(body, LONG), request)

    return answer


def _framed(response: bytes) -> bytes:
    """A ModelInferResponse inside a ModelStreamInferResponse: field 2, its length, itself."""
    return b"".join(framed(2, response))
