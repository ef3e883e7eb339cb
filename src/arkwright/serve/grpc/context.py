"""What comes with a call, and how a refusal ends it."""

import asyncio
import contextlib
import re
from typing import Any
from urllib.parse import unquote

import grpc.aio

from arkwright.serve.grpc.messages import code
from arkwright.serve.wire.messages import Problem, Request, called

Context = Any  # grpc.aio.ServicerContext, which no stub describes
TOO_LARGE = 413
_ENDS = 0.1  # seconds in which gRPC's core ends a call
_RETRY = re.compile(rb"Retry-After: (\d+)\r\n")


async def message(context: Context, request: Request) -> bytes:
    """The call's message. gRPC's core hides one that is too large, and then ends the call by itself."""
    body = await context.read()
    if body is grpc.aio.EOF:
        request.gone = TOO_LARGE  # if it is ended now
        await asyncio.sleep(_ENDS)
        request.gone = 0
        raise Problem(400, "the call came without a message")
    return bytes(body)


def trailing(request: Request) -> tuple[tuple[str, str], ...]:
    """The trailing metadata: what the answer calls the request."""
    id_ = called(request)
    return (("x-request-id", id_.decode()),) if id_ else ()


async def abort(context: Context, problem: Problem, request: Request) -> bytes:
    """End a call with a refusal: raises, unless the caller is gone; then nothing that is returned is sent."""
    found = _RETRY.search(problem.headers)
    pushback = (("grpc-retry-pushback-ms", f"{int(found[1])}000"),) if found else ()
    with contextlib.suppress(grpc.aio.InternalError):
        await context.abort(code(problem.status), problem.message, (*trailing(request), *pushback))
    return b""


def request_of(context: Context, path: str) -> Request:
    headers: dict[bytes, bytes] = {}
    for key, value in context.invocation_metadata():
        name, text = key.encode(), value if isinstance(value, bytes) else value.encode()
        headers[name] = headers[name] + b", " + text if name in headers else text
    now = asyncio.get_running_loop().time()
    return Request("POST", path, headers, b"", caller=caller(context), received=now)


def caller(context: Context) -> str:
    return unquote(context.peer().partition(":")[2].rpartition(":")[0]).strip("[]")
