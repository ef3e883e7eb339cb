"""The index of an endpoint's compacted predictions: small JSON files, each naming Parquet files of the store.

`ENDPOINT/parts/TIME-DIGEST.json` is written whole and makes its rows visible at once. It names the segments they came
from: a segment that an entry names is never read again, so that a crash before its removal doubles nothing. `pending`
names bytes that are in the store without an entry, for a moment, and may be removed when there is still none.

`compact.lock` is held by the one who compacts. While entries, segments or bytes change nobody reads them: `index_lock`.
"""

from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from arkwright.core.errors import Corrupt
from arkwright.core.ports import Store
from arkwright.serve.tap.files import sync_folder, write_whole

T = TypeVar("T")
COMPACT_LOCK = "compact.lock"


class Part(msgspec.Struct, frozen=True):
    """One Parquet file in the store. `since`, `until`: its first and last `at`, nanoseconds. `layout`: its columns."""

    digest: str
    layout: str
    rows: int
    size: int
    since: int
    until: int
    releases: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """What one compaction made visible. `replaces`: entries whose rows these parts hold now. `damaged`: those of the
    segments of which not all could be read, which stay under another name.
    """

    parts: tuple[Part, ...]
    segments: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class Index:
    """The entries of one endpoint. Raises Corrupt naming a file that is no entry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "parts"
        self._pending = self.folder / "pending"
        found = {path.stem: _decoded(path, Entry) for path in sorted(self.folder.glob("[0-9]*.json"))}
        self.replaced = {name for entry in found.values() for name in entry.replaces} & set(found)
        self.entries = {name: entry for name, entry in found.items() if name not in self.replaced}
        self._all = found

    @property
    def parts(self) -> list[Part]:
        return [part for entry in self.entries.values() for part in entry.parts]

    @property
    def segments(self) -> set[str]:
        """Names of segments whose rows are in parts."""
        return {name for entry in self._all.values() for name in entry.segments}

    @property
    def damaged(self) -> set[str]:
        """Those of the segments that are not removed, but renamed."""
        return {name for entry in self._all.values() for name in entry.damaged}

    @property
    def pending(self) -> bool:
        """Whether bytes were announced."""
        return self._pending.exists()

    def announce(self, digests: set[str]) -> None:
        """Say durably that these bytes may be in the store without an entry."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._pending, msgspec.json.encode(sorted(digests | self._announced())))

    def add(self, at: int, entry: Entry) -> str:
        """Make an entry visible; its name."""
        name = f"{at:020d}-{entry.parts[0].digest[:12]}"
        write_whole(self.folder / f"{name}.json", msgspec.json.encode(entry))
        self.entries[name] = self._all[name] = entry
        return name

    def remove(self, names: set[str]) -> None:
        """Forget entries, durably. Their bytes go with `settle`."""
        for name in sorted(names):
            (self.folder / f"{name}.json").unlink(missing_ok=True)
            self.entries.pop(name, None)
            self._all.pop(name, None)
        if names:
            sync_folder(self.folder)

    def settle(self, store: Store) -> None:
        """Remove the announced bytes that no entry names, and forget the announcement."""
        announced = self._announced()
        used = {part.digest for entry in self._all.values() for part in entry.parts}
        for digest in announced - used:
            store.remove(digest)
        if announced:
            self._pending.unlink(missing_ok=True)
            sync_folder(self.folder)

    def _announced(self) -> set[str]:
        with suppress(FileNotFoundError):
            return set(_decoded(self._pending, list[str]))
        return set()


def _decoded(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise Corrupt(f"{path} is not an index of predictions: {error}; put a backup back") from None
