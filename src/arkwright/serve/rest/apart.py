"""Answers to requests that were given to no release."""

import logging

from arkwright.core.usercode import frames
from arkwright.serve.observer.observer import Observer
from arkwright.serve.wire.messages import Problem, Reply, Request, Response

log = logging.getLogger("arkwright.serve")


def apart(observer: Observer | None, request: Request, reply: Reply, response: Response) -> None:
    """Answer it, and have it noted where anybody does."""
    if observer:
        observer.apart(request, reply, response)
    else:
        reply(response)


def told(error: BaseException) -> Response:
    """What a caller is told of an error. What is no Problem is a mistake of ours, and the log says where it is."""
    if isinstance(error, Problem):
        return error.response()
    log.error("a request failed: %s", frames(error))
    return Problem(500, "the server failed on this request; its log says why").response()
