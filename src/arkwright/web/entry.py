"""Passwords at the door: one at a time, in a thread of their own, and wrong ones not without end.

Wrong ones are counted for each account and for each address, by all control rooms of a site together. A browser from
which the account entered before is counted by itself, and has a turn that strangers do not take (OWASP, "Slow Down
Online Guessing Attacks with Device Cookies"). Who holds a session, a token or a new invitation is not kept out either
by what strangers try.
"""

import ipaddress
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from arkwright.core.errors import Full, Throttled, Unproven
from arkwright.core.record import digest_bytes
from arkwright.sites import Site

WRONG, WAITING = 20, 32  # wrong passwords a minute; callers who wait for their turn
MINUTE = 60.0  # seconds
WRONGLY = "wrong"  # the vault's kind: a digest of whom it counts for, and a number / when (seconds since 1970)
P = ParamSpec("P")
T = TypeVar("T")


class Entry:
    """Of one control room: who tried how often, there and at others of its site."""

    def __init__(self, site: Site) -> None:
        self._site = site
        # a password costs a third of a second of processor, on purpose
        self._strangers, self._familiar = anyio.CapacityLimiter(1), anyio.CapacityLimiter(1)
        self._outside = anyio.CapacityLimiter(4)
        self._wrong = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(WRONG)

    async def hashing(self, work: Callable[P, T], *given: P.args, **words: P.kwargs) -> T:
        """Run what hashes passwords when its turn comes. Raises Throttled where too many wait already."""
        return await self._in_turn(self._strangers, lambda: work(*given, **words))

    async def trying(self, name: str, address: str, work: Callable[[], T], *, device: str | None = None) -> T:
        """Run `work`, which raises Unproven for a wrong password. Raises Throttled after too many of them.

        `device`: the browser, where the account entered from it before.
        """
        account = f"account {name.strip().lower()}"
        keys = [f"device {device}"] if device else [account, f"address {network(address)}"]
        return await self._counted(self._familiar if device else self._strangers, keys, work)

    async def outside(self, address: str, work: Callable[[], T]) -> T:
        """The same for what asks a provider: a few at a time, and counted by address alone."""
        return await self._counted(self._outside, [f"outside {network(address)}"], work)

    def first(self, what: str) -> bool:
        """Whether it is for the first time within a minute: what any stranger can cause is not logged each time."""
        return self._wrong.hit(RateLimitItemPerMinute(1), f"first {what}")

    async def _counted(self, turn: anyio.CapacityLimiter, whom: list[str], work: Callable[[], T]) -> T:
        keys = [digest_bytes(one.encode(errors="replace")) for one in whom]

        def checked() -> T:
            after = max((self._after(key) for key in keys), default=0)
            if after:
                raise Throttled(f"too many wrong tries; try again in {after} s", after=after)
            try:
                return work()
            except Unproven:
                for key in keys:
                    self._note(key)
                raise

        return await self._in_turn(turn, checked)

    async def _in_turn(self, turn: anyio.CapacityLimiter, work: Callable[[], T]) -> T:
        if turn.statistics().tasks_waiting >= WAITING:
            raise Throttled("too many want to log in just now; try again in a moment", after=5)
        return await anyio.to_thread.run_sync(work, limiter=turn)

    def _note(self, key: str) -> None:
        """Counted here too: a full disk keeps nothing, and lets nobody guess on."""
        self._wrong.hit(self._limit, key)
        with suppress(Full):
            if self.first("swept"):
                self._site.vault.sweep()
            now = time.time()
            self._site.vault.put(WRONGLY, f"{key}/{secrets.token_hex(8)}", str(now), expires=now + MINUTE)

    def _after(self, key: str) -> int:
        """Seconds until another may be tried; 0: now."""
        times = sorted(float(at) for _, at in self._site.vault.find(WRONGLY, f"{key}/"))
        ends = [at + MINUTE for at in times[-WRONG:][:1] if len(times) >= WRONG]
        if not self._wrong.test(self._limit, key):
            ends.append(self._wrong.get_window_stats(self._limit, key).reset_time)
        return max((max(1, min(60, round(end - time.time()))) for end in ends), default=0)


def network(address: str) -> str:
    """Whoever has one IPv6 address has the whole /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((found, 64), strict=False))
