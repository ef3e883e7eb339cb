"""Files of runs: a name for each in the database, its bytes in a store by their digest. No name is a place on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arkwright.core.errors import Invalid, Unknown
from arkwright.core.ports import Store
from arkwright.tracking import frozen, words
from arkwright.tracking.database import Database

TRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file, or a folder of files (whose digest is empty). `path` is whole; `size` is in bytes."""

    path: str
    digest: str = ""
    size: int = 0

    @property
    def is_folder(self) -> bool:
        return not self.digest


class Artifacts:
    """Safe for many threads and processes: a name is given only to bytes that are on the disk."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database, self._store = database, store

    def put(self, path: str, source: Path | bytes, who: str) -> File:
        """Keep a copy under this name, in the place of what it was before. Raises Invalid, Full."""
        frozen.free(words.path(path))
        for _ in range(TRIES):
            digest = self._store.put_bytes(source) if isinstance(source, bytes) else self._store.put(source)
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
            file = File(path=path, digest=digest, size=size)
            before = self._database.write(_name, self._store, file, who)
            if before is not None:
                self.forget({before} - {digest, ""})
                return file
        raise Invalid(f"{path[:80]!r} was removed again and again while it was written; try again")

    def get(self, path: str) -> tuple[File, Path]:
        """A file, and where its bytes are to be read. Raises Invalid, Unknown, Corrupt."""
        words.path(path)
        row = self._database.read(
            lambda db: db.execute("SELECT digest, size FROM artifact WHERE path = ?", (path,)).fetchone()
        )
        if row is None:
            raise Unknown(f"there is no file {path[-80:]!r}")
        return File(path=path, digest=row[0], size=row[1]), self._store.path(row[0])

    def list(self, path: str = "") -> tuple[File, ...]:
        """The files and folders in this folder, by name; nothing where there is no such folder. Raises Invalid."""
        start = f"{words.path(path)}/" if path else ""
        rows = self._database.read(lambda db: db.execute(_WITHIN, _range(start)).fetchall())
        found: dict[str, File] = {}
        for whole, digest, size in rows:
            name, slash, _ = whole[len(start) :].partition("/")
            found[name] = File(path=start + name) if slash else File(path=whole, digest=digest, size=size)
        return tuple(found[name] for name in sorted(found))

    def part(self, path: str, limit: int, after: str = "") -> tuple[tuple[File, ...], bool]:
        """As `list`, so many after this one in the order of their paths; whether there is more. Raises Invalid.

        A folder costs one look, however many files are in it.
        """
        start = f"{words.path(path)}/"
        return self._database.read(_part, start, limit, words.path(after) if after else "")

    def sizes(self, folder: str) -> dict[str, int]:
        """Every file in this folder and below, whole, and its size in bytes. Raises Invalid."""
        given = _range(f"{words.path(folder)}/")
        query = "SELECT path, size FROM artifact WHERE path >= ? AND path < ?"
        return dict(self._database.read(lambda db: db.execute(query, given).fetchall()))

    def remove(self, path: str) -> int:
        """A file, or a folder with all that is in it; how many files it was. Raises Invalid, Unknown."""
        frozen.free(words.path(path))
        gone = self._database.write(
            lambda db: db.execute(
                "DELETE FROM artifact WHERE path = ? OR path >= ? AND path < ? RETURNING digest",
                (path, *_range(f"{path}/")),
            ).fetchall()
        )
        if not gone:
            raise Unknown(f"there is no file {path[-80:]!r}")
        self.forget({digest for (digest,) in gone})
        return len(gone)

    def forget(self, digests: set[str]) -> None:
        """Bytes that no name stands for any more. Whoever dies before leaves some, which hurt nobody."""

        def sweep(db: Any) -> None:
            for digest in digests:
                if not db.execute("SELECT 1 FROM artifact WHERE digest = ?", (digest,)).fetchone():
                    self._store.remove(digest)

        if digests:
            self._database.write(sweep)


_WITHIN = "SELECT path, digest, size FROM artifact WHERE path >= ? AND path < ?"
_FIRST = f"{_WITHIN} ORDER BY path LIMIT 1"


def _range(start: str) -> tuple[str, str]:
    """From where to where the names with this beginning stand: `/` is followed by `0`."""
    return (start, f"{start[:-1]}0") if start else ("", "\U0010ffff")


def _part(db: Any, start: str, limit: int, after: str) -> tuple[tuple[File, ...], bool]:
    at, end = _range(start)
    if after:  # what is in it stands behind its own name; so do others, such as `a.txt` behind `a`
        at = max(at, f"{after}0" if db.execute(_FIRST, _range(f"{after}/")).fetchone() else f"{after}\0")
    found: list[File] = []
    while len(found) <= limit and (row := db.execute(_FIRST, (at, end)).fetchone()):
        whole, digest, size = row
        name, slash, _ = whole[len(start) :].partition("/")
        found.append(File(path=start + name) if slash else File(path=whole, digest=digest, size=size))
        at = f"{start}{name}0" if slash else f"{whole}\0"
    return tuple(found[:limit]), len(found) > limit


def _name(db: Any, store: Store, file: File, who: str) -> str | None:
    """The digest before (empty: none), or None where the bytes are gone: somebody removed the last name for them."""
    if not store.has(file.digest):
        return None
    parts = file.path.split("/")
    above = ["/".join(parts[:i]) for i in range(1, len(parts))]
    for folder in above:
        if db.execute("SELECT 1 FROM artifact WHERE path = ?", (folder,)).fetchone():
            raise Invalid(f"{folder[-80:]!r} is a file: nothing can be in it")
    if db.execute(f"{_WITHIN} LIMIT 1", _range(f"{file.path}/")).fetchone():
        raise Invalid(f"{file.path[-80:]!r} is a folder with files in it: it cannot become a file")
    row = db.execute("SELECT digest FROM artifact WHERE path = ?", (file.path,)).fetchone()
    db.execute(
        "INSERT OR REPLACE INTO artifact VALUES (?, ?, ?, ?, ?)", (file.path, file.digest, file.size, words.now(), who)
    )
    return str(row[0]) if row else ""
