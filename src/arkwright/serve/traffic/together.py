"""The short way of plain requests: those that came in one turn of the loop go through the model in one run.

What is not plain, or goes wrong, goes the long way (`batch.py`), where every request is worked on by itself and
every mistake has its words. Both answer the same.
"""

import asyncio
import logging
from collections.abc import Sequence
from time import monotonic
from typing import Any, Protocol

import msgspec

from arkwright.serve.model.graph import Graph
from arkwright.serve.model.tensors import Tensors
from arkwright.serve.traffic.batch import INLINE_ROWS
from arkwright.serve.traffic.cost import Cost
from arkwright.serve.traffic.poison import Desk
from arkwright.serve.wire.messages import Request, Sender

log = logging.getLogger("arkwright.serve")
LARGEST = 65_536  # bytes of a body; what is larger would hold up the others
BATCH_ROWS = 1024  # of one run


class Plain(Protocol):
    """How plain requests of one kind are read and told."""

    def read(self, body: bytes) -> tuple[Any, int] | None:
        """What it asks for and the number of its rows; None for what is not plain."""

    def prepare(self, items: Sequence[Any]) -> Tensors: ...

    def tell(self, outputs: Tensors) -> Sequence[Any]:
        """A text for each row."""

    def wrap(self, item: Any, said: Sequence[Any]) -> bytes:
        """The body of one answer from the texts of its rows."""


class Asked(msgspec.Struct, eq=False):
    """A request that waits for the end of this turn."""

    request: Request
    sender: Sender
    item: Any
    rows: int


class Noting(Protocol):
    """Who takes note of plain requests. A request that began may go the long way instead of being answered here."""

    def began(self, request: Request) -> None: ...

    def taken(self, jobs: Sequence[Asked]) -> None: ...

    def ran(self, jobs: Sequence[Asked]) -> None: ...

    def answered(self, jobs: Sequence[Asked], bodies: Sequence[bytes]) -> None: ...


class Together:
    """The plain requests of one kind to one release."""

    def __init__(
        self,
        plain: Plain,
        graph: Graph,
        headers: bytes,
        *,
        most: int,
        desk: Desk | None,
        cost: Cost,
        longest: float,
    ) -> None:
        """At most `most` wait, none longer than `longest` seconds, and no request to a heavy model. At `desk`, if there
        is one, stands what is computed; `headers` are every answer's.
        """
        self._cost, self._longest = cost, longest
        self._plain, self._graph, self._headers, self._most, self._desk = plain, graph, headers, most, desk
        self.noting: Noting | None = None
        self.lane: Any = None  # the release, where requests are told of it
        self._loop = asyncio.get_running_loop()
        self.waiting: list[Asked] = []
        self.turn = self._turn()

    def _turn(self) -> Any:
        """Where `native` puts those that it has read; see `turn.py`."""
        return None

    @property
    def busy(self) -> bool:
        """Whether any request waits."""
        return bool(self.waiting)

    def follow(self, noting: Noting) -> None:
        """Tell `noting` from now on."""
        self.noting = noting

    def close(self) -> None:
        """Take no more: release and queue would keep each other, and what is frozen no garbage collector looks at."""
        self.lane = None

    def __call__(self, request: Request, sender: Sender) -> bool:
        """Take a request, or leave it for the long way: False. Never raises."""
        body, waiting = request.body, self.waiting
        if len(body) > LARGEST or len(waiting) >= self._most or self._cost.heavy:
            return False
        if self._desk is not None and self._desk.wary:
            return False
        try:
            read = self._plain.read(body)
        except Exception:  # noqa: BLE001 - the long way tells what it is
            return False
        if read is None or read[1] > INLINE_ROWS:
            return False
        if self.noting is not None:
            self.noting.began(request)
        if not waiting:
            self._loop.call_soon(self._flush)
        waiting.append(Asked(request, sender, *read))
        return True

    def _flush(self) -> None:
        waiting, self.waiting = self.waiting, []
        rows, now, late = 0, monotonic(), 0.0  # what came before `late` has waited too long; at first nothing has
        batch: list[Asked] = []
        for asked in waiting:
            request = asked.request
            if request.gone or request.deadline <= now or (late and request.received < late):
                self._long_way(asked)  # where it is noted, or refused
                continue
            if batch and rows + asked.rows > BATCH_ROWS:
                self._answer(batch)
                now = monotonic()
                rows, batch, late = 0, [], now - self._longest
            rows += asked.rows
            batch.append(asked)
        if batch:
            self._answer(batch)

    def _answer(self, batch: Sequence[Asked]) -> None:
        noting = self.noting
        if noting is not None:
            noting.taken(batch)
        start = monotonic()
        try:
            bodies = self._compute(batch)
        except BaseException:  # noqa: BLE001 - one by one it shows whose trouble it is; rules may panic
            log.debug("a batch is answered one by one")
            for asked in batch:
                self._long_way(asked)
            return
        self._cost.ran(sum([asked.rows for asked in batch]), monotonic() - start)
        if noting is not None:
            noting.ran(batch)
        for asked, body in zip(batch, bodies, strict=True):
            asked.sender.said(asked.request, body, self._headers)
        if noting is not None:
            noting.answered(batch, bodies)

    def _long_way(self, asked: Asked) -> None:
        """It was noted of this release, so this release answers, whatever is served by now."""
        asked.request.lane = self.lane
        asked.sender.long_way(asked.request)

    def _compute(self, batch: Sequence[Asked]) -> list[bytes]:
        """The body of each answer. Raises what goes wrong for any of them."""
        plain = self._plain
        inputs = plain.prepare([asked.item for asked in batch])
        said = self._run(inputs, [asked.request.body for asked in batch] if self._desk is not None else ())
        found, at = [], 0
        for asked in batch:
            found.append(plain.wrap(asked.item, said[at : at + asked.rows]))
            at += asked.rows
        if at != len(said):
            raise ValueError
        return found

    def _run(self, inputs: Tensors, asking: Sequence[bytes]) -> Sequence[Any]:
        """A text for each row; `asking` are the bodies, where there is a desk."""
        desk = self._desk
        if desk is None:
            outputs = self._graph.run(inputs)
        else:
            desk.note(asking)
            outputs = self._graph.run(inputs)
            desk.done(asking)
        return self._plain.tell(outputs)
