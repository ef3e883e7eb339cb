"""Who holds a session or a token. Asked with every request, so the tokens of clients that ask often are remembered: for
a second at most, and only while nothing is written to the vault or the ledger. One that was revoked ends at once.
"""

import time
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from arkwright.api.people import entering
from arkwright.core.record import digest_bytes
from arkwright.govern import secrets
from arkwright.sites import Site

REMEMBERED, MOST = 1.0, 1000  # seconds; tokens


@dataclass(frozen=True, slots=True)
class _Proof:
    known: entering.Known
    stamp: object
    until: float


class Proofs:
    """Of one control room."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._found: dict[str, _Proof] = {}

    async def prove(self, via: str, secret: str) -> entering.Known:
        """Raises Unproven."""
        if via != secrets.TOKEN:  # the last use of a session is noted
            return await run_in_threadpool(entering.prove, self._site, via, secret)
        key, stamp = digest_bytes(secret.encode(errors="replace")), self._stamp()
        proof = self._found.get(key)
        if proof is not None and stamp is not None and proof.stamp == stamp and time.monotonic() < proof.until:
            return proof.known
        self._found.pop(key, None)
        until = time.monotonic() + REMEMBERED
        known = await run_in_threadpool(entering.prove, self._site, via, secret)
        if stamp is not None:  # of before it was proven: what was written meanwhile makes another one
            if len(self._found) >= MOST:
                self._found.clear()
            self._found[key] = _Proof(known, stamp, until)
        return known

    def _stamp(self) -> object | None:
        vault, ledger = self._site.vault.stamp(), self._site.ledger.stamp()
        return None if vault is None or ledger is None else (vault, ledger)
