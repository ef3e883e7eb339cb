"""One request on its way through a model, and who is told of it."""

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol

import msgspec

from arkwright.serve.model.tensors import Tensors
from arkwright.serve.wire.messages import Reply, Request, Response


class Job(msgspec.Struct, eq=False):
    """One request: `prepare` gives the graph's inputs, `finish` makes the answer from its outputs.

    Both may raise Problem. `fast` says that `prepare` runs no code of the user's. Behind `deadline` (by the clock
    `monotonic`) it is not computed any more. What was `long` to read is long to answer, however few its rows. It is
    `told` once, whatever comes first; `alarm` rings at its deadline.
    """

    request: Request
    rows: int
    fast: bool
    prepare: Callable[[], Tensors]
    finish: Callable[[Tensors], Response]
    reply: Reply
    deadline: float = inf
    added: float = 0.0
    long: bool = False
    told: bool = False
    alarm: asyncio.TimerHandle | None = None


class Listener(Protocol):
    """Who is told what a batcher does."""

    def taken(self, jobs: Sequence[Job]) -> None: ...

    def ran(self, jobs: Sequence[Job]) -> None: ...
