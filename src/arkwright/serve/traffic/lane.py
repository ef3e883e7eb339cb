"""One release at work behind an endpoint."""

import asyncio
from typing import Any

from arkwright.serve.model import plain_rows, plain_tensors
from arkwright.serve.model.answers import Reader, reader
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.plain_guarded import PlainGuardedRows
from arkwright.serve.model.plain_rows import PlainRows
from arkwright.serve.model.plain_tensors import PlainTensors
from arkwright.serve.traffic import turn
from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.poison import Page
from arkwright.serve.traffic.together import Plain, Together
from arkwright.serve.wire.limits import Limits


class Lane:
    """A loaded release with its queues: `batcher` takes every request, `infer` and `predict` the plain ones of their
    kind, where the release has such.
    """

    __slots__ = ("batcher", "closed", "infer", "loaded", "predict", "read", "reading", "shadow", "watched")

    def __init__(self, loaded: Loaded, limits: Limits, *, page: Page | None = None, shadow: bool = False) -> None:
        """`page`: where it stands what is computed. `shadow`: what it is asked are copies."""
        self.loaded, self.shadow, self.closed = loaded, shadow, False
        self.reading = 0  # requests that are read aside and come then
        self.watched: Any = None  # how its requests are noted, where they are
        self.read: Reader = reader(loaded.signature, loaded.graph)
        of = f"{loaded.endpoint} {loaded.digest}"  # another release may bear what this one did not
        most, longest = limits.queue, limits.queue_time
        self.batcher = Batcher(
            loaded.graph, loaded.endpoint, most=most, longest=longest, hangs=limits.answer_time, page=page, of=of
        )
        cost = self.batcher.cost

        def together(plain: Plain) -> Together:
            made = turn.kind(plain)(
                plain, loaded.graph, loaded.headers, most=most, desk=self.batcher.desk, cost=cost, longest=longest
            )
            made.lane = self
            return made

        self.infer = together(PlainTensors(loaded)) if plain_tensors.offers(loaded) else None
        guards = loaded.guards
        rows = PlainGuardedRows(loaded, self.read, guards) if guards else PlainRows(loaded, self.read)
        self.predict = together(rows) if plain_rows.offers(loaded) else None

    async def idle(self) -> None:
        """Return when everything that came is answered."""
        for together in (self.infer, self.predict):
            while together is not None and together.busy:  # noqa: ASYNC110 - one turn of the loop
                await asyncio.sleep(0)
        while self.reading:  # noqa: ASYNC110 - only when a release leaves
            await asyncio.sleep(0.005)
        await self.batcher.idle()

    def close(self) -> None:
        """Once or again: a halt lets go of it while a move does."""
        if self.closed:
            return
        self.closed = True
        for together in (self.infer, self.predict):
            if together is not None:
                together.close()
        self.batcher.close()
