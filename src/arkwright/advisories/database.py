"""Advisories in a zip, in a folder, or in one file: read once, and of them kept what is about the packages asked for.

Nothing in it is trusted: sizes and counts are bounded, and what cannot be read is told by file and entry.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from arkwright.advisories import files
from arkwright.advisories.entry import Entry, decode, normal, pieces
from arkwright.advisories.matching import about
from arkwright.core.errors import Invalid
from arkwright.core.times import zoned
from arkwright.core.visible import visible

_KEPT = 10  # lines of what cannot be read
_SOON = timedelta(days=1)  # a clock may be ahead; a date beyond that is no date


@dataclass(slots=True)
class Database:
    """`entries`: by the normal name of the package; `newest`: when one was changed last; `read`: how many there are.

    `unread`: a line for each of the first entries that cannot be read, of `unreadable`.
    """

    entries: dict[str, list[Entry]] = field(default_factory=dict)
    newest: datetime | None = None
    read: int = 0
    unread: list[str] = field(default_factory=list)
    unreadable: int = 0

    def take(self, data: bytes, where: str, wanted: Collection[str], now: datetime) -> None:
        """Everything in one file; of a list every entry by itself."""
        try:
            found = pieces(data)
        except Invalid as error:
            self.miss(where, str(error))
            return
        for number, piece in enumerate(found, 1):
            try:
                self._take(decode(piece), where, wanted, now)
            except Invalid as error:
                self.miss(f"{where}, entry {number}" if len(found) > 1 else where, str(error))

    def _take(self, entry: Entry, where: str, wanted: Collection[str], now: datetime) -> None:
        self.read += 1
        changed = _moment(entry.modified)
        if changed is None:
            self.miss(f"{where}, {entry.shown}", f"it was modified at {entry.modified[:40]!r}, which is no time")
        elif changed <= now + _SOON:
            self.newest = max(self.newest or changed, changed)
        if entry.withdrawn is None:
            for name in {about(one) for one in entry.affected or ()} & set(wanted):
                if name is not None:
                    self.entries.setdefault(name, []).append(entry)

    def miss(self, where: str, why: str) -> None:
        self.unreadable += 1
        if len(self.unread) < _KEPT:
            self.unread.append(visible(" ".join(f"{where} cannot be read: {why}".split())))


def read(path: Path, names: Collection[str], now: datetime) -> Database:
    """What it says of the packages of these names. Raises Unknown where there is nothing, Invalid where it is none."""
    found, wanted = Database(), {normal(name) for name in names}
    for where, data in files.read(path, found.miss, "advisories", "put osv.dev's PyPI/all.zip there"):
        found.take(data, where, wanted, now)
    if not found.read:
        raise Invalid(f"{path.name} holds no advisories in OSV format{': ' + found.unread[0] if found.unread else ''}")
    return found


def _moment(text: str) -> datetime | None:
    """RFC 3339, as OSV has its times."""
    try:
        return zoned(datetime.fromisoformat(text))
    except ValueError:
        return None
