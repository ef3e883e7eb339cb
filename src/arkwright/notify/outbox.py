"""The outbox: follows the ledger and has everybody told who wants to hear, aside from whoever writes.

Of all processes on one site one delivers: it holds a lease in the vault, and another takes over when that runs out.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress

from arkwright.core.alongside import Alongside
from arkwright.core.errors import ArkwrightError
from arkwright.core.ports import Ledger, Vault
from arkwright.notify import state as states
from arkwright.notify.courier import Courier, Patience
from arkwright.notify.parts import Subscriber

log = logging.getLogger("arkwright.notify")
LEASE = "outbox"  # the vault's kind
_LEASE_S, _LOOK_S, _GRACE_S = 15.0, 1.0, 2.0  # seconds


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
        self._me, self._renewed = uuid.uuid4().hex, 0.0
        self._couriers: dict[str, Courier] = {}

    def _run(self) -> None:
        while not self._stopped.wait(self._look):
            try:
                if self._hold():
                    self._follow()
                else:
                    self._drop(list(self._couriers))
            except ArkwrightError as error:
                log.error("nobody is told: %s; trying again", error)  # noqa: TRY400
                self._stopped.wait(5)
        self._drop(list(self._couriers))
        with suppress(ArkwrightError):  # a vault that is away forgets the lease by itself
            if self._renewed and self._vault.get(LEASE, LEASE) == self._me:
                self._vault.remove(LEASE, LEASE)

    def _follow(self) -> None:
        wanted = {one.id: one for one in self._subscribers()}
        self._drop([name for name, kept in self._couriers.items() if kept.subscriber != wanted.get(name)])
        end = int(self._ledger.head().partition(":")[0])
        wishes = dict(self._vault.find(states.WISH))
        for name, subscriber in wanted.items():
            if name not in self._couriers:
                if subscriber.begins:
                    states.begin(self._vault, name, end)
                self._couriers[name] = Courier(subscriber, self._ledger, self._vault, self._patience)
            self._couriers[name].hear(end, wishes.get(name, ""))

    def _drop(self, names: Sequence[str]) -> None:
        dropped = [self._couriers.pop(name) for name in names]
        for courier in dropped:
            courier.stop()
        until = time.monotonic() + _GRACE_S
        for courier in dropped:
            courier.join(max(0.0, until - time.monotonic()))

    def _hold(self) -> bool:
        """Whether this process delivers."""
        now = time.time()
        if now - self._renewed < _LEASE_S / 3:
            return True
        held = self._vault.get(LEASE, LEASE)
        if held == self._me:
            self._vault.put(LEASE, LEASE, self._me, expires=now + _LEASE_S)
        elif held is not None or not self._vault.add(LEASE, LEASE, self._me, expires=now + _LEASE_S):
            self._renewed = 0.0
            return False
        self._renewed = now
        return True
