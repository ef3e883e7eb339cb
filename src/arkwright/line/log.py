"""The log of a walk: the steps that it told of and what its code printed, in one text of bounded length."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from arkwright.core.masked import masked
from arkwright.core.record import now
from arkwright.core.visible import printed, visible

HEAD, TAIL = 256 << 10, 768 << 10  # bytes of what was printed that are kept: from its beginning, from its end
MOST_SAID, LONGEST_SAID = 5_000, 2_000  # steps; characters of one
STEP = "· "  # before the time of what the line itself said


class Log:
    """Passes on what is said, and remembers behind how much of what is printed to `path` it was said."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path, self._pass_on = path, say
        self._said: list[tuple[int, str]] = []

    def say(self, text: str) -> None:
        self.note(text)
        self._pass_on(text)

    def note(self, text: str) -> None:
        """For whoever reads the log later."""
        if len(self._said) < MOST_SAID:
            place = self.path.stat().st_size if self.path.exists() else 0
            self._said.append((place, f"{STEP}{now()[11:19]} {visible(text)[:LONGEST_SAID]}\n"))

    def text(self) -> str:
        """All of it; where much was printed, how that began and ended. Secrets are masked."""
        parts, at = [], 0
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            first, last = _left_out(file, size)
            for place, said in (*self._said, (size, "")):
                parts.append(_read(file, at, min(place, first)))
                if at <= first < place and first < last:
                    parts.append(f"… {last - first:,} bytes were printed here that are not kept …\n")
                parts += [_read(file, max(at, last), place), said]
                at = place
        return masked("".join(parts))


def _left_out(file: BinaryIO, size: int) -> tuple[int, int]:
    """Between which places, at the ends of lines, too much was printed."""
    if size <= HEAD + TAIL:
        return size, size
    file.seek(0)
    first = file.read(HEAD).rfind(b"\n") + 1
    file.seek(size - TAIL)
    return first, size - TAIL + file.read(TAIL).find(b"\n") + 1


def _read(file: BinaryIO, begin: int, end: int) -> str:
    """What was printed between two places, as lines."""
    if end <= begin:
        return ""
    file.seek(begin)
    lines = file.read(end - begin).decode("utf-8", "replace").split("\n")
    return "\n".join(printed(line) for line in (lines if lines[-1] else lines[:-1])) + "\n"
