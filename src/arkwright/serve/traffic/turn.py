"""The short way of plain requests that `native` has read: those of one turn go through the model in one run, as in
`together.py`, and whatever is not plain goes that way, or the long one.
"""

import logging
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any, Protocol

from arkwright.serve.model.plain_tensors import PlainTensors
from arkwright.serve.native import native
from arkwright.serve.traffic.batch import INLINE_ROWS
from arkwright.serve.traffic.together import BATCH_ROWS, LARGEST, Noting, Plain, Together
from arkwright.serve.wire.inflate import SMALL

log = logging.getLogger("arkwright.serve")


class Counting(Noting, Protocol):
    """Who only counts such requests, as long as nobody asks for more than that."""

    @property
    def counts(self) -> bool:
        """Whether nobody asks for more."""

    def came(self, received: Sequence[float]) -> None:
        """Requests came, each when `received` says."""

    def failed(self, received: Sequence[float]) -> None:
        """They begin anew on the long way."""

    def went(self, received: Sequence[float], rows: int) -> None:
        """They were answered well; `rows` of all together."""


class TogetherNatively(Together):
    """The plain requests to a release that takes one tensor of floats."""

    _plain: PlainTensors
    noting: Counting | None

    def _turn(self) -> Any:
        plain, first = self._plain, partial(self._loop.call_soon, self._flush_turn)
        made = native.Turn(
            plain.frames, self._cost, first, width=plain.width, item=plain.item,
            most=self._most, most_rows=INLINE_ROWS, largest=LARGEST,
        )  # fmt: skip
        made.ready = True
        return made

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.turn.waiting)

    def follow(self, noting: Noting) -> None:
        super().follow(noting)
        self.turn.ready = getattr(noting, "counts", False)

    def close(self) -> None:
        super().close()
        self.turn.close()

    def _flush_turn(self) -> None:
        turn, late = self.turn, 0.0
        while turn.waiting:
            batch, left = turn.batch(late, BATCH_ROWS)
            self._leave(left)
            if batch is not None:
                self._answer_turn(batch)
            late = monotonic() - self._longest

    def _answer_turn(self, batch: Any) -> None:
        noting, desk = self.noting, self._desk
        if (desk is not None and desk.wary) or not self.turn.ready:
            self._leave(batch.jobs)
            return
        received = batch.received
        if noting is not None:
            noting.came(received)
        start = monotonic()
        try:
            said = self._run(self._plain.unpack(batch.data), batch.bodies if desk is not None else ())
            bodies = self._plain.wrap_all(said, batch.rows, batch.sizes)
        except BaseException:  # noqa: BLE001 - one by one it shows whose trouble it is
            log.debug("a batch is answered one by one")
            if noting is not None:
                noting.failed(received)
            self._leave(batch.jobs)
            return
        self._cost.ran(batch.rows, monotonic() - start)
        batch.say(bodies, self._headers, SMALL)
        if noting is not None:
            noting.went(received, batch.rows)

    def _leave(self, jobs: Sequence[Any]) -> None:
        """Let this release answer them the long way, whatever is served by now."""
        for taken in jobs:
            taken.connection.left(taken, self.lane)


def kind(plain: Plain) -> type[Together]:
    """The short way of such requests: by `native` where it can read them."""
    natively = native is not None and isinstance(plain, PlainTensors) and plain.width > 0
    return TogetherNatively if natively else Together
