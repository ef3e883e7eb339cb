"""The anchor beside a ledger: where it ended when the last append was acknowledged.

It shows that a tail was cut off or an older copy was put back, as long as whoever did it left this file alone. Against
somebody who rewrites both, keep an anchor elsewhere (Crosby and Wallach 2009, "Efficient Data Structures for
Tamper-Evident Logging").
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.errors import Corrupt, Invalid
from arkwright.core.record import GENESIS

_SPELLING = re.compile(r"([0-9]{1,20}):([0-9a-f]{64})")


def parse_head(text: str) -> tuple[int, str]:
    """`17:ab…` -> (17, "ab…"). Raises Invalid."""
    match = _SPELLING.fullmatch(text.strip())
    if not match:
        raise Invalid(f"{text[:90]!r} is not an anchor; write it as NUMBER:SEAL, as `head` gives it")
    return int(match[1]), match[2]


class HeadFile:
    """One line `seq:seal` of fixed length, moved forward only. Its lock also guards the making of a ledger."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[int]:
        """The open file, to one process and thread at a time; empty when it was not there."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)

    def begin(self, handle: int) -> None:
        """The line of an empty ledger, unless there is one: the file has its full length, and so its room, at once."""
        if os.fstat(handle).st_size == 0:
            os.pwrite(handle, _line(0, GENESIS), 0)

    def read(self) -> tuple[int, str] | None:
        """(seq, seal), or None when there is no anchor. Raises Corrupt when it is unreadable."""
        try:
            text = self.path.read_bytes().decode("ascii", "replace")
        except FileNotFoundError:
            return None
        try:
            return parse_head(text) if text else None
        except Invalid:
            message = f"{self.path} is damaged; compare the ledger with an anchor kept elsewhere, then remove this file"
            raise Corrupt(message) from None

    def advance(self, seq: int, seal: str) -> None:
        """Say that the ledger reaches at least to `seq`.

        It is not forced to the disk: after a power loss it may lag behind the ledger, never run ahead of it.
        """
        with contextlib.suppress(OSError), self.locked() as handle:  # the event is safe already; this only lags
            known = os.pread(handle, 20, 0)
            if not known.isdigit() or int(known) < seq:
                os.pwrite(handle, _line(seq, seal), 0)


def _line(seq: int, seal: str) -> bytes:
    return f"{seq:020d}:{seal}\n".encode()
