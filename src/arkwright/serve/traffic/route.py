"""How an endpoint's requests are divided between its releases: by share, by key, or as a tester asks."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from random import random

from arkwright.core.errors import did_you_mean
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.wire.messages import Problem

WANTED, KEY = b"arkwright-release", b"arkwright-key"


class Route:
    """One endpoint. Its lanes do not change: what replaces them is another route."""

    def __init__(self, name: str, shares: Sequence[tuple[Lane, float]], shadows: Sequence[str] = ()) -> None:
        """`shares`: the newest release first; the parts add up to 1. `shadows`: releases that get a copy."""
        self.name, self.shadows = name, tuple(shadows)
        self.lanes = tuple(lane for lane, _ in shares)
        self.parts = tuple(part for _, part in shares)
        self.first = max(shares, key=lambda share: share[1])[0]  # what speaks for the endpoint
        self._only = self.lanes[0] if len(self.lanes) == 1 else None
        self._by_version = {lane.loaded.version: lane for lane in self.lanes}
        self._name = name.encode()

    def pick(self, headers: Mapping[bytes, bytes]) -> Lane:
        """The lane for a request. Raises Problem (404) for a release that is asked for and not served here.

        The same `Arkwright-Key` goes to the same release as long as the shares stay; when the share of the newest
        grows, the keys that it has stay with it.
        """
        if WANTED in headers:
            return self._release(headers[WANTED].decode("latin-1"))
        if self._only is not None:
            return self._only
        key = headers.get(KEY)
        place = random() if key is None else self._place(key)  # noqa: S311 - no secret
        for lane, part in zip(self.lanes, self.parts, strict=True):
            if place < part:
                return lane
            place -= part
        return self.first

    def shadow(self, headers: Mapping[bytes, bytes]) -> str:
        """The shadow that a tester asks for, or nothing."""
        if not self.shadows or WANTED not in headers:
            return ""
        wanted = headers[WANTED].decode("latin-1").removeprefix("release:")
        refs = (one.removeprefix("release:") for one in self.shadows)
        return next((f"release:{ref}" for ref in refs if wanted in (ref, ref.rpartition("@")[2])), "")

    def _release(self, wanted: str) -> Lane:
        """The lane of `release:churn@2`, `churn@2` or `2`."""
        name, _, version = wanted.removeprefix("release:").rpartition("@")
        known = {lane.loaded.release.removeprefix("release:").rpartition("@")[0] for lane in self.lanes}
        if name and name not in known:
            near = did_you_mean(name[:80], known)
            raise Problem(404, f"{self.name} is answered by no release called {name[:80]!r}{near}")
        return self.version(version)

    def _place(self, key: bytes) -> float:
        """0 to 1, the same for the same key. A CRC will not do: it would divide the keys of all endpoints alike."""
        return int.from_bytes(blake2b(key, digest_size=6, key=self._name).digest()) / 2**48

    def version(self, version: str) -> Lane:
        """The lane of a release by its version. Raises Problem (404)."""
        found = self._by_version.get(version)
        if found is None:
            near = did_you_mean(version[:20], self._by_version)
            raise Problem(404, f"{self.name} has no version {version[:20]!r}{near}")
        return found
