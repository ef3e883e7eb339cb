"""The outbox: follows the ledger and has everybody told who wants to hear, aside from whoever writes.

Of all processes on one site one delivers: it has the turn, and another takes over when it is gone.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Self

from arkwright.core.alongside import Alongside
from arkwright.core.errors import ArkwrightError
from arkwright.core.ports import Ledger, Vault
from arkwright.notify import state as states
from arkwright.notify.courier import Courier, Patience
from arkwright.notify.parts import Subscriber

log = logging.getLogger("arkwright.notify")
TURN = "outbox"
_LOOK_S, _GRACE_S, _AGAIN_S = 1.0, 2.0, 5.0  # seconds


class Outbox(Alongside):
    """Delivers while it is entered. `subscribers` is asked again and again: equal ones go on undisturbed."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        subscribers: Callable[[], Sequence[Subscriber]],
        *,
        patience: Patience | None = None,
        look: float = _LOOK_S,
    ) -> None:
        super().__init__("outbox")
        self._ledger, self._vault, self._subscribers = ledger, vault, subscribers
        self._patience, self._look = patience or Patience(), look
        self._couriers: dict[str, Courier] = {}
        self._leaving: list[Courier] = []  # stopped, and in the middle of a message yet

    def __enter__(self) -> Self:
        with suppress(ArkwrightError):  # which the first look tells, and all of this is done there, too
            self._begin(self._subscribers(), self._end())  # here: what comes before the first look is told
        return super().__enter__()

    def _run(self) -> None:
        wait = self._look
        while not self._stopped.wait(wait):
            wait = _AGAIN_S
            try:
                with self._vault.alone(TURN) as is_held:
                    if is_held is not None:
                        self._deliver(is_held)
            except ArkwrightError as error:
                log.error("nobody is told: %s; trying again", error)  # noqa: TRY400
            except Exception:  # this must go on, or nobody is told anything any more
                log.exception("nobody is told; trying again")

    def _deliver(self, is_held: Callable[[], bool]) -> None:
        """Until the turn is lost, or this ends."""
        try:
            while is_held():
                self._follow()
                if self._stopped.wait(self._look):
                    break
        finally:
            self._drop(list(self._couriers))

    def _follow(self) -> None:
        wanted = {one.id: one for one in self._subscribers()}
        kept = self._couriers.items()  # one that is over found no state; there may be one again
        self._drop([name for name, one in kept if one.is_over() or one.subscriber != wanted.get(name)])
        end = self._end()
        self._begin([one for name, one in wanted.items() if name not in self._couriers], end)
        wishes = dict(self._vault.find(states.WISH))
        self._leaving = [one for one in self._leaving if not one.is_over()]
        leaving = {one.subscriber.id for one in self._leaving}
        for name, subscriber in wanted.items():
            if name in leaving:  # another would send that message too
                continue
            if name not in self._couriers:
                self._couriers[name] = Courier(subscriber, self._ledger, self._vault, self._patience)
            self._couriers[name].hear(end, wishes.get(name, ""))

    def _end(self) -> int:
        """The last event there is."""
        return int(self._ledger.head().partition(":")[0])

    def _begin(self, subscribers: Iterable[Subscriber], end: int) -> None:
        """From now on whatever comes after `end` is told to those who begin by themselves."""
        for one in subscribers:
            if one.begins:
                states.begin(self._vault, one.id, end)

    def _drop(self, names: Sequence[str]) -> None:
        dropped = [self._couriers.pop(name) for name in names]
        for courier in dropped:
            courier.stop()
        self._leaving += dropped
        until = time.monotonic() + _GRACE_S
        for courier in dropped:
            courier.join(max(0.0, until - time.monotonic()))
