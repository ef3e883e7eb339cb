"""The log of a walk: the steps that it told of and what its code printed, in one text of bounded length."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self

from arkwright.core.masked import masked
from arkwright.core.nouns import Run
from arkwright.core.record import now
from arkwright.core.visible import printed, visible
from arkwright.line.said import Line, Said

HEAD, TAIL = 256 << 10, 768 << 10  # bytes of what was printed that are kept: from its beginning, from its end
MOST_SAID, LONGEST_SAID = 5_000, 2_000  # steps; characters of one
SAID = ".said"  # the suffix of the file beside what was printed
STEP = "· "  # before the time of what the line itself said


class Log:
    """Passes on what is said, and remembers behind how much of what is printed to `path` it was said."""

    def __init__(self, path: Path, say: Callable[[str], None], said: Said | None = None) -> None:
        self.path, self._pass_on = path, say
        self._said = said or Said.begin(path.with_suffix(SAID))

    @classmethod
    def left(cls, path: Path) -> Self | None:
        """The log of a walk that is over, and was not brought to its end; None where the walk goes on."""
        said = Said.left(path.with_suffix(SAID))
        return cls(path, lambda _: None, said) if said else None

    def say(self, text: str) -> None:
        self.note(text)
        self._pass_on(text)

    def note(self, text: str) -> None:
        """For whoever reads the log later."""
        if len(self._said.lines) < MOST_SAID:
            self._said.add(Line(place=self.printed, text=f"{STEP}{now()[11:19]} {visible(text)[:LONGEST_SAID]}\n"))

    def begins(self, run: Run) -> None:
        """To be told before the run is put on record, and again when it has its version."""
        self._said.add(Line(place=self.printed, run=run))

    @property
    def run(self) -> Run | None:
        """The run that it is the log of, as far as it was told."""
        return next((line.run for line in reversed(self._said.lines) if line.run), None)

    @property
    def printed(self) -> int:
        """Bytes."""
        return self.path.stat().st_size if self.path.exists() else 0

    def end(self, *, keep: bool) -> None:
        """The walk is over. `keep`: in place of what was printed its text, for it is nowhere else."""
        if keep and self.printed:
            self.path.write_text(self.text(), encoding="utf-8")
        else:
            self.path.unlink(missing_ok=True)
        self._said.remove()

    def close(self) -> None:
        """Nobody works on it any more."""
        self._said.close()

    def text(self) -> str:
        """All of it; where much was printed, how that began and ended. Secrets are masked."""
        parts, at = [], 0
        self.path.touch()  # nothing is printed where no code was begun
        with self.path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            first, last = _left_out(file, size)
            for place, said in (*((line.place, line.text) for line in self._said.lines), (size, "")):
                parts.append(_read(file, at, min(place, first)))
                if at <= first < place and first < last:
                    parts.append(f"… {last - first:,} bytes were printed here that are not kept …\n")
                parts += [_read(file, max(at, last), place), said]
                at = place
        return masked("".join(parts), others=next((line.marks for line in self._said.lines if line.marks), None))


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
