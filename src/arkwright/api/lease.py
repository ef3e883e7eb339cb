"""A turn that one process has at a time, whichever machine it is on: a record beside the ledger that ends by itself
when whoever holds it is gone.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from arkwright.core.errors import ArkwrightError, Refused
from arkwright.sites import Site

KIND = "lease"
LASTS, RENEWED = 60.0, 15.0  # seconds
log = logging.getLogger("arkwright.lease")


class Lease:
    """The turn at `what` while it is held."""

    def __init__(self, site: Site, what: str) -> None:
        self._site, self._what = site, what
        self._holder = f"process {os.getpid()} on {socket.gethostname()} {secrets.token_hex(8)}"
        self._over = threading.Event()
        self._lost = False

    def must_be_held(self) -> None:
        """Raises Refused where another has it by now: this process stood still for longer than it lasts."""
        if self._lost:
            raise Refused(f"another process took over the {self._what}: this one stood still for too long")

    def renew(self) -> None:
        """Until it is over."""
        while not self._over.wait(RENEWED):
            try:
                held = self._holder
                self._lost |= not self._site.vault.swap(KIND, self._what, held, held, expires=time.time() + LASTS)
            except ArkwrightError as error:
                log.warning("the turn at the %s is not renewed: %s; trying again", self._what, error)

    def take(self) -> None:
        """Raises Refused saying who has it."""
        if not self._site.vault.add(KIND, self._what, self._holder, expires=time.time() + LASTS):
            who = (self._site.vault.get(KIND, self._what) or "another process").rpartition(" ")[0]
            raise Refused(f"the {self._what} is at work already: {who}; try again when it is done")

    def give_back(self) -> None:
        """Unless another has it by now."""
        self._over.set()
        if self._site.vault.get(KIND, self._what) == self._holder:
            self._site.vault.remove(KIND, self._what)


@contextmanager
def held(site: Site, what: str) -> Iterator[Lease]:
    """Have the turn. Raises Refused where another process has it."""
    lease = Lease(site, what)
    lease.take()
    thread = threading.Thread(target=lease.renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.give_back()
        thread.join()
