"""Files of registered versions: those that were there when the version was made, whatever becomes of the run's.

They have names of their own, `versions/<row>/…`, for the same bytes; nobody but the version gives or takes such names.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from arkwright.core.errors import Invalid
from arkwright.tracking import words

ROOT = "versions"
_COPY = """
INSERT OR REPLACE INTO artifact
SELECT ? || substr(path, ?), digest, size, ?, ? FROM artifact WHERE path = ? OR path >= ? AND path < ?
RETURNING 1
"""


def freeze(db: Any, version: int, paths: Sequence[str], who: str) -> int:
    """Give the files that are at these paths now to this version, later paths' before earlier ones'; how many. Nothing
    that comes there later is its.
    """
    if not paths:
        return 0
    root = f"{ROOT}/{version}/{paths[0].rpartition('/')[2]}"
    copied = 0
    for path in paths:
        given = (root, len(path) + 1, words.now(), who, path, f"{path}/", f"{path}0")
        copied += len(db.execute(_COPY, given).fetchall())
    db.execute("UPDATE version SET place = ? WHERE id = ?", (words.SCHEME + root, version))
    return copied


def count(db: Any, paths: Iterable[str]) -> int:
    """How many files are at these paths now."""
    many = "SELECT count(*) FROM artifact WHERE path = ? OR path >= ? AND path < ?"
    return sum(int(db.execute(many, (path, f"{path}/", f"{path}0")).fetchone()[0]) for path in paths)


def drop(db: Any, versions: Iterable[int]) -> set[str]:
    """The names of these versions' files, gone; the digests for which they stood."""
    gone = "DELETE FROM artifact WHERE path >= ? AND path < ? RETURNING digest"
    ranges = [(f"{ROOT}/{version}/", f"{ROOT}/{version}0") for version in versions]
    return {digest for given in ranges for (digest,) in db.execute(gone, given).fetchall()}


def free(path: str) -> str:
    """A name that anybody may give or take. Raises Invalid."""
    if path.partition("/")[0] == ROOT:
        raise Invalid("the files of a registered version are not changed: log them to a run, and register another one")
    return path
