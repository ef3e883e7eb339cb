"""How many requests a client may send: the generic cell rate algorithm (ITU-T I.371), one number for each client.

The numbers lie in one mapped file that all workers of a server share, so a client has one quota whoever it meets, and
a worker that follows a dead one knows what was sent before. It is a table of buckets of eight places, a client's bucket
and its name in it being a hash under a secret of this run: nobody can choose to share a place. In a full bucket the
client whose quota is whole again first makes room.

Nothing is locked. Numbers are eight aligned bytes, written at once, so none is ever half of another. What a race costs:

- Two workers that count one client in the same microsecond count it once: a request too many passes.
- A worker that is halted between reading and writing undoes what others counted meanwhile: a second's worth, at most.
- Two that take the same place for two clients forget one of them, or make it wait as long as the other has to: for a
  second, at most, or for one request's time where that is longer.
"""

import mmap
import os
from hashlib import blake2b
from math import ceil
from pathlib import Path

from arkwright.core.errors import ArkwrightError
from arkwright.serve.wire.messages import Problem

FILE = "quotas"
CLIENTS = 2**17  # that are counted at once, 16 bytes each
PLACES = 8  # of a bucket; its names are one line of a processor's cache
_SECRET = 64  # bytes, as long a key as blake2b takes
_REMEMBERED = 10_000  # clients whose place a worker knows without hashing


class Quota:
    """`rate` requests a second for each client, and at once as many as it may send in a second.

    Times are seconds by the clock CLOCK_MONOTONIC, which all processes of a machine share.
    """

    def __init__(self, folder: Path, rate: float) -> None:
        """As `create` made it in this folder, opened by each worker."""
        self._gap = 1 / rate
        self._ahead = max(1.0, self._gap)
        with (folder / FILE).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._secret = self._map[:_SECRET]
        places = (len(self._map) - _SECRET) // 16
        table = memoryview(self._map)[_SECRET:]
        self._names, self._due = table[: 8 * places].cast("q"), table[8 * places :].cast("d")
        self._buckets = places // PLACES
        self._known: dict[str, tuple[int, int]] = {}

    @staticmethod
    def create(folder: Path, clients: int = CLIENTS) -> None:
        """Room for so many clients at once, a multiple of eight. Raises ArkwrightError where there is none."""
        try:
            with (folder / FILE).open("xb") as file:
                file.write(os.urandom(_SECRET))
                file.flush()
                # all of it now: to write into a hole of a full disk would kill the worker
                os.posix_fallocate(file.fileno(), 0, _SECRET + 16 * clients)
        except OSError as error:
            raise ArkwrightError(f"no quotas can be kept in {folder}: {error.strerror}") from None

    def wait(self, client: str, now: float) -> float:
        """0 when this request is within the quota, and counts; else the seconds until one will be."""
        name, first = self._known.get(client) or self._find(client)
        names = self._names[first : first + PLACES].tolist()
        if name in names:
            place = first + names.index(name)
            due = max(self._due[place], now)
            if due - now > self._ahead - self._gap + 1e-9:
                return due - now - self._ahead + self._gap
        else:
            whole = self._due[first : first + PLACES].tolist()  # when the quota of each is whole again
            place, due = first + whole.index(min(whole)), now
            self._names[place] = name
        self._due[place] = due + self._gap
        return 0.0

    def check(self, client: str, now: float) -> None:
        """Count this request. Raises Problem (429) when the client has used up its quota."""
        if seconds := self.wait(client, now):
            later = b"Retry-After: %d\r\n" % max(1, ceil(seconds))
            raise Problem(429, "you sent more requests than one client may; send fewer, or later", later)

    def _find(self, client: str) -> tuple[int, int]:
        """What a client is called in the table, and where its bucket begins."""
        digest = blake2b(client.encode(), digest_size=16, key=self._secret).digest()
        name = int.from_bytes(digest[:8], "little", signed=True)
        found = name, int.from_bytes(digest[8:], "little") % self._buckets * PLACES
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[client] = found
        return found
