"""Refusals that are ready before anybody comes: under ten times the load that a model can bear, nine of ten requests
are refused, and what each of them costs is taken from those that are answered.
"""

from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from itertools import cycle

from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.route import WANTED
from arkwright.serve.wire.messages import REQUEST_ID

FRESH = 1.0  # seconds for which answers are kept: they tell the time, and when to come again
_DIFFERENT = 32
_SPECIAL = (WANTED, REQUEST_ID)  # whoever sends these is told something of its own


class Shed:
    """The answers to who comes to a queue that is full. `noted` counts one; False when more is told of it than that."""

    def __init__(self, batcher: Batcher, noted: Callable[[], bool], *, heavy_only: bool) -> None:
        """`heavy_only`: as long as the model is light, its requests do not come to that queue."""
        self._batcher, self._noted, self._heavy_only = batcher, noted, heavy_only
        self._until = 0.0
        self._answers: Iterator[bytes] = iter(())

    def full(self) -> bool:
        """Whether who comes now would be refused, whatever it asks."""
        return (not self._heavy_only or self._batcher.cost.heavy) and self._batcher.full()

    def __call__(self, headers: Mapping[bytes, bytes]) -> bytes | None:
        """A whole answer; None when the request must be looked at, because there is room or because it is special."""
        batcher = self._batcher
        if not self.full() or any(name in headers for name in _SPECIAL) or not self._noted():
            return None
        now = batcher.now()
        batcher.patience.refused(now)
        if now >= self._until:
            self._until = now + FRESH
            self._answers = cycle([self._answer() for _ in range(_DIFFERENT)])
        return next(self._answers)

    def _answer(self) -> bytes:
        response = self._batcher.busy().response()
        date = b"Date: " + formatdate(usegmt=True).encode() + b"\r\n"
        return response.head(len(response.body), date, close=False, old=False) + response.body
