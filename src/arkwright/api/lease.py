"""A turn that one process has at a time, whichever machine it is on, and that ends with whoever had it."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from arkwright.core.errors import Refused
from arkwright.sites import Site

KIND = "lease"  # of who had it last


@dataclass(frozen=True)
class Lease:
    """The turn at `what` while it is held."""

    what: str
    is_held: Callable[[], bool]

    def must_be_held(self) -> None:
        """Raises Refused where another may have it by now."""
        if not self.is_held():
            raise Refused(f"the turn at the {self.what} is lost: the connection broke; it is done the next time")


def who(site: Site, what: str) -> str:
    """Who had it last, and has it where nobody else gets it."""
    return site.vault.get(KIND, what) or "another process"


@contextmanager
def held(site: Site, what: str) -> Iterator[Lease]:
    """Have the turn. Raises Refused, saying who has it, where another process does."""
    with site.vault.alone(what) as is_held:
        if is_held is None:
            raise Refused(f"the {what} is at work already: {who(site, what)}; try again when it is done")
        site.vault.put(KIND, what, f"process {os.getpid()} on {socket.gethostname()}")
        yield Lease(what, is_held)
