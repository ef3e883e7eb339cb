"""A move that is tried in a newborn worker, after one died of it: what ends the newborn is the release, no request."""

import asyncio
from collections.abc import Collection, Mapping

from arkwright.serve.processes import control
from arkwright.serve.processes.process import Worker
from arkwright.serve.processes.waits import within

_MOST_EARLY = 2  # of those that end before they load anything


class Trial:
    """A move that is tried in `worker`, which follows one that died and answers nobody yet."""

    def __init__(self, order: control.Serve, names: Collection[str], *, suspect: bool) -> None:
        """`names`: if any of them fails the move is refused. `suspect`: one ended that was told it."""
        self.order, self._names, self._suspect = order, names, suspect
        self.worker: Worker | None = None
        self._early = 0  # how many ended before they loaded anything
        self._found: asyncio.Future[tuple[Worker, Mapping[str, str]] | None] = (
            asyncio.get_running_loop().create_future()
        )

    def ends(self, worker: Worker, failed: Mapping[str, str]) -> None:
        if not self._found.done():
            self._found.set_result((worker, failed))

    def refuses(self, failed: Mapping[str, str]) -> bool:
        return not failed.keys().isdisjoint(self._names)

    def is_ended_by(self, endpoint: str, why: str, *, surely: bool) -> bool:
        """Who tried it ended, or hangs `surely`: by what this endpoint needs, if it is asked for, or beside what is.
        Whether it is over: one death may be chance, and the next one tries it again.
        """
        assert self.worker
        if over := surely or self._suspect:
            self.ends(self.worker, dict.fromkeys({endpoint} & {*self._names} or self._names, why))
        self._suspect = True
        return over

    def is_unlucky(self, ended: str) -> bool:
        """Who tried it ended before it loaded anything. Whether it is over: the next one tries it again, once."""
        assert self.worker
        self._early += 1
        if over := self._early >= _MOST_EARLY:
            why = control.Again(f"workers end before they load anything ({ended})")
            self.ends(self.worker, dict.fromkeys(self._names, why))
        return over

    def is_void(self) -> None:
        """Another worker answers here, which was told nothing of it."""
        if not self._found.done():
            self._found.set_result(None)

    async def over(self, seconds: float) -> tuple[Worker, Mapping[str, str]] | None:
        """Who tried it, and what fails. Raises TimeoutError when nobody loads anything for so long; there is patience
        with each release that is loaded.
        """
        while True:
            try:
                return await within(seconds, self._over())
            except TimeoutError:
                if not (self.worker and self.worker.loading and not self.worker.gone):
                    raise

    async def _over(self) -> tuple[Worker, Mapping[str, str]] | None:
        return await asyncio.shield(self._found)
