"""What a walk says, kept beside what its code prints for as long as it walks: whoever is killed leaves both.

The file is locked by its walk; the lock ends with the process, and tells whether anybody still walks.
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from arkwright.core.durable import writing
from arkwright.core.errors import Corrupt
from arkwright.core.masked import Marks, marks
from arkwright.core.nouns import Run
from arkwright.core.record import decode, encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was said when so many bytes were printed; first, by what its secrets are known, and which run begins."""

    place: int = 0
    text: str = ""
    marks: Marks | None = None
    run: Run | None = None  # as it is put on record, before it has its version


class Said:
    """Of one walk. Raises ArkwrightError when the disk is full."""

    def __init__(self, path: Path, file: BinaryIO, lines: list[Line]) -> None:
        self._path, self._file, self.lines = path, file, lines

    @classmethod
    def begin(cls, path: Path) -> Self:
        """A walk begins here."""
        with writing("the log"):
            path.parent.mkdir(parents=True, exist_ok=True)
            while (file := _claimed(path, os.O_CREAT)) is None:
                pass
        said = cls(path, file, [])
        said.add(Line(marks=marks()))
        return said

    @classmethod
    def left(cls, path: Path) -> Self | None:
        """What a walk left that is over; None where it goes on, or somebody else looks after it."""
        file = _claimed(path, 0)
        if file is None:
            return None
        lines = []
        for line in file:
            with suppress(Corrupt):  # whoever wrote it was killed in the middle
                lines.append(decode(Line, line))
        return cls(path, file, lines)

    def add(self, line: Line) -> None:
        self.lines.append(line)
        with suppress(OSError):  # the run counts, also where there is no room for its log
            self._file.write(encode(line).encode() + b"\n")

    def remove(self) -> None:
        """Nobody needs it any more."""
        self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        self._file.close()


def _claimed(path: Path, how: int) -> BinaryIO | None:
    """The file open and locked; None where it is not there, or somebody else's."""
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | how, 0o600), "r+b", buffering=0)
    except FileNotFoundError:
        return None
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file  # else somebody cleared it away in the moment before it was locked
    file.close()
    return None
