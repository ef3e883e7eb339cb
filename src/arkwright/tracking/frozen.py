"""Files of registered versions: those that were there when the version was made, whatever becomes of the run's.

They have names of their own, `versions/<row>/…`, for the same bytes; nobody but the version gives or takes such names.
"""

from collections.abc import Iterable
from typing import Any

from arkwright.core.errors import Invalid
from arkwright.tracking import words
from arkwright.tracking.sources import Origin

ROOT, SCHEME = "versions", "mlflow-artifacts:/"
_COPY = """
INSERT OR REPLACE INTO artifact
SELECT ? || substr(path, ?), digest, size, ?, ? FROM artifact WHERE path = ? OR path >= ? AND path < ?
RETURNING 1
"""


def freeze(db: Any, version: int, found: Origin, who: str) -> int:
    """Give the files that are at `found` now to this version; how many. Nothing that comes there later is its."""
    if not found.place:
        return 0
    root = f"{ROOT}/{version}/{found.place.rpartition('/')[2]}"
    copied = 0
    for place in filter(None, (found.place, found.over)):
        path = place.removeprefix(SCHEME)
        given = (root, len(path) + 1, words.now(), who, path, f"{path}/", f"{path}0")
        copied += len(db.execute(_COPY, given).fetchall())
    db.execute("UPDATE version SET place = ? WHERE id = ?", (SCHEME + root, version))
    return copied


def count(db: Any, found: Origin) -> int:
    """How many files are at `found` now."""
    many = "SELECT count(*) FROM artifact WHERE path = ? OR path >= ? AND path < ?"
    places = [place.removeprefix(SCHEME) for place in (found.place, found.over) if place]
    return sum(int(db.execute(many, (path, f"{path}/", f"{path}0")).fetchone()[0]) for path in places)


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
