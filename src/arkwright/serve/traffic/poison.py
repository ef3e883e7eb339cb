"""Requests that end a worker: who was being computed stands in memory that outlives it, and who did it three times is
not computed again.

Each worker shares a page of memory with the supervisor. Before a run a worker copies the bodies of the batch into it,
which costs a fraction of a microsecond each, and takes them back behind the run. When a worker dies, the supervisor
reads who was at work. They are suspects, and from then on the workers compute each of them alone: who comes back is
acquitted, whoever else died beside it; who never does, is poison.
"""

import contextlib
import logging
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from zlib import crc32

log = logging.getLogger("arkwright.serve")
MOST_HITS = 3
_MOST_KNOWN = 1024  # suspects that are remembered
_SLOTS, _SLOT = 1024, 2**18  # two for each release: one where it computes on the loop, one on its thread
_ENTRIES = 4096
_DATA = 4 * (_ENTRIES + 2)
_ACQUITTALS = 64
_DIGEST = 2**31  # in place of a length: the key follows, of a body too large to copy
_SECRET_AT = _SLOTS * _SLOT + _ACQUITTALS * 16
_BEAT_AT = _SECRET_AT + 16
SIZE = _BEAT_AT + 8
_RESTS = 2**64 - 1  # in place of signs of life
_SECRET = os.urandom(16)  # of the supervisor, which writes it into every page: no caller can forge a key
_KEY, _ONE, _NOBODY = struct.Struct("<QQ"), struct.Struct("<II"), bytes(4)
Key = tuple[int, int]  # a keyed hash of the body and of who computes it, and its length


def shared_memory() -> int:
    """A file descriptor for a page of zeros."""
    if hasattr(os, "memfd_create"):
        made = os.memfd_create("arkwright")
    else:
        from tempfile import TemporaryFile

        with TemporaryFile() as file:
            made = os.dup(file.fileno())
    os.ftruncate(made, SIZE)
    os.pwrite(made, _SECRET, _SECRET_AT)
    return made


class Page:
    """The memory of one worker, as both sides see it. What nobody wrote to takes no memory."""

    def __init__(self, fd: int) -> None:
        self.map = mmap.mmap(fd, SIZE)
        self.suspects: frozenset[Key] = frozenset()
        self.poison: frozenset[Key] = frozenset()
        self._free = list(range(_SLOTS))
        self._acquitted = 0
        self._secret = self.map[_SECRET_AT:_BEAT_AT]

    def beat(self) -> None:
        """A sign of life."""
        struct.pack_into("<Q", self.map, _BEAT_AT, self.beats + 1)

    def rest(self) -> None:
        """It answers nobody any more and gives no further signs of life: to write what is left may take its time."""
        struct.pack_into("<Q", self.map, _BEAT_AT, _RESTS)

    @property
    def beats(self) -> int:
        """How many there were; none before it lives."""
        return int(struct.unpack_from("<Q", self.map, _BEAT_AT)[0])

    @property
    def rests(self) -> bool:
        return self.beats == _RESTS

    def desk(self, model: str) -> "Desk | None":
        """Where one thread notes what it computes with `model`; None when all are taken."""
        if not self._free:
            log.warning("more than %d releases: it is not noted which requests of %s end a worker", _SLOTS // 2, model)
            return None
        return Desk(self, self._free.pop(), crc32(model.encode()))

    def key(self, salt: int, body: bytes) -> Key:
        """What names a body that a model with this salt computes."""
        hashed = blake2b(body, digest_size=8, key=self._secret, salt=salt.to_bytes(4, "little"))
        return int.from_bytes(hashed.digest(), "little"), len(body)

    def give_back(self, slot: int) -> None:
        self._free.append(slot)

    def acquit(self, key: Key) -> None:
        """It was computed alone and nobody died: say so to the supervisor."""
        self.suspects -= {key}
        _KEY.pack_into(self.map, _SLOTS * _SLOT + 16 * (self._acquitted % _ACQUITTALS), *key)
        self._acquitted += 1

    def acquitted(self) -> list[Key]:
        """Who was acquitted since this was asked before."""
        at = _SLOTS * _SLOT
        found = [_KEY.unpack_from(self.map, at + 16 * i) for i in range(_ACQUITTALS)]
        self.map[at:_SECRET_AT] = bytes(_SECRET_AT - at)
        return [key for key in found if key != (0, 0)]

    def at_work(self) -> list[list[Key]]:
        """For each thread that was computing, what it computed together. What makes no sense is left out."""
        found = []
        for slot in range(_SLOTS):
            with contextlib.suppress(struct.error):
                found.append(list(self._keys(slot * _SLOT)))
        return [keys for keys in found if keys]

    def _keys(self, at: int) -> Iterator[Key]:
        salt, count = struct.unpack_from("<II", self.map, at)
        place = at + _DATA
        for size in struct.unpack_from(f"<{min(count, _ENTRIES)}I", self.map, at + 8):
            if size == _DIGEST:
                hashed, length = _KEY.unpack_from(self.map, place)
                yield hashed, length
            else:
                yield self.key(salt, self.map[place : place + size])
            place += _KEY.size if size == _DIGEST else size


class Desk:
    """One thread's place in the page."""

    def __init__(self, page: Page, slot: int, salt: int) -> None:
        self.page, self._slot, self._salt = page, slot, salt
        self._map, self._at = page.map, slot * _SLOT
        struct.pack_into("<II", self._map, self._at, salt, 0)

    @property
    def wary(self) -> bool:
        """Whether there are bodies to look out for."""
        return bool(self.page.poison or self.page.suspects)

    def key(self, body: bytes) -> Key:
        return self.page.key(self._salt, body)

    def note(self, bodies: Sequence[bytes]) -> None:
        """These are computed from now on."""
        sizes: Sequence[int] = [len(body) for body in bodies]
        data = bodies[0] if len(bodies) == 1 else b"".join(bodies)
        if len(data) > _SLOT - _DATA:
            data = b"".join(_KEY.pack(*self.key(body)) for body in bodies)
            sizes = [_DIGEST] * len(bodies)
        start = self._at + _DATA
        self._map[start : start + len(data)] = data
        if len(sizes) == 1:
            _ONE.pack_into(self._map, self._at + 4, 1, sizes[0])
        else:
            struct.pack_into(f"<{len(sizes) + 1}I", self._map, self._at + 4, len(sizes), *sizes)

    def done(self, bodies: Sequence[bytes]) -> None:
        """They are computed, and this worker lives."""
        self._map[self._at + 4 : self._at + 8] = _NOBODY
        if self.page.suspects and len(bodies) == 1 and (key := self.key(bodies[0])) in self.page.suspects:
            self.page.acquit(key)

    def leave(self) -> None:
        self.page.give_back(self._slot)


class Register:
    """The supervisor's: how many workers died while a request was computed."""

    def __init__(self) -> None:
        self._hits: dict[Key, int] = {}

    def died(self, page: Page, living: Sequence[Page]) -> bool:
        """Count those who were at work. Whether anything is new."""
        before = dict(self._hits)
        for one in (page, *living):
            for key in one.acquitted():
                if self._hits.get(key, MOST_HITS) < MOST_HITS:
                    del self._hits[key]
        for keys in page.at_work():
            for key in keys:
                seen = self._hits.pop(key, 0)  # the newest last
                self._hits[key] = seen + 1 if len(keys) == 1 else max(seen, 1)
        innocent = [key for key, hits in self._hits.items() if hits < MOST_HITS]
        for key in innocent[: max(0, len(self._hits) - _MOST_KNOWN)]:
            del self._hits[key]
        return self._hits != before

    @property
    def suspects(self) -> list[Key]:
        return [key for key, hits in self._hits.items() if hits < MOST_HITS]

    @property
    def poison(self) -> list[Key]:
        return [key for key, hits in self._hits.items() if hits >= MOST_HITS]
