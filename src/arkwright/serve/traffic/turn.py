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


class Noted(Noting, Protocol):
    """Who takes note of all requests of one run at once."""

    def came(self, received: Sequence[float]) -> None:
        """Requests came, each when `received` says."""

    def failed(self, received: Sequence[float]) -> None:
        """They begin anew on the long way."""

    def ids(self, batch: Any) -> list[bytes] | None:
        """What the head of each answer calls its request; None where none does."""

    def went(self, batch: Any, ids: list[bytes] | None, said: list[bytes],
             began: float, ran: float) -> None:  # fmt: skip
        """They were answered well by what was `said`; the run began and ended then, by the clock `monotonic`."""


class TogetherNatively(Together):
    """The plain requests to a release that takes one tensor of floats."""

    _plain: PlainTensors
    noting: Noted | None

    def _turn(self) -> Any:
        plain, first = self._plain, partial(self._loop.call_soon, self._flush_turn)
        return native.Turn(
            plain.frames, self._cost, first, width=plain.width, item=plain.item,
            most=self._most, most_rows=INLINE_ROWS, largest=LARGEST,
        )  # fmt: skip

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.turn.waiting)

    def close(self) -> None:
        super().close()
        self.turn.close()

    def _flush_turn(self) -> None:
        turn, now, late = self.turn, monotonic(), 0.0
        try:
            while turn.waiting:
                batch, left = turn.batch(now, late, BATCH_ROWS)
                self._leave(left)
                if batch is not None:
                    self._answer_turn(batch)
                now = monotonic()
                late = now - self._longest
        finally:
            if turn.waiting:  # no memory for one run, say: nobody else would come for the others
                self._loop.call_soon(self._flush_turn)

    def _answer_turn(self, batch: Any) -> None:
        noting, desk = self.noting, self._desk
        if desk is not None and desk.wary:
            self._leave(batch.jobs)
            return
        if noting is not None:
            noting.came(batch.received)
        began = monotonic()
        try:
            texts = self._run(self._plain.unpack(batch.data), batch.bodies if desk is not None else ())
            said = self._plain.wrap_all(texts, batch.rows, batch.sizes, batch.own)
            ran = monotonic()
            ids = batch.ids if noting is None else noting.ids(batch)
        except BaseException:  # noqa: BLE001 - one by one it shows whose trouble it is
            log.debug("a batch is answered one by one")
            if noting is not None:
                noting.failed(batch.received)
            self._leave(batch.jobs)
            return
        self._cost.ran(batch.rows, ran - began)
        batch.say(said, ids, self._headers, SMALL)
        if noting is not None:
            noting.went(batch, ids, said, began, ran)

    def _leave(self, jobs: Sequence[Any]) -> None:
        """Let this release answer them the long way, whatever is served by now."""
        for taken in jobs:
            taken.connection.left(taken, self.lane)


def kind(plain: Plain) -> type[Together]:
    """The short way of such requests: by `native` where it can read them."""
    natively = native is not None and isinstance(plain, PlainTensors) and plain.width > 0
    return TogetherNatively if natively else Together
