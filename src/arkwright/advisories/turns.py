"""In which order the questions of a look are put to one source: what was asked longest ago comes first, over all looks
and processes. An answer that takes up all the time of a look hides those behind it from that look, and from no other.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from arkwright.advisories.https import LeftAlone
from arkwright.core import durable
from arkwright.core.errors import ArkwrightError

_KEPT = 10_000  # of what was asked last


class Turns:
    """`beside`: the file that holds what came; beside it stands what was asked, longest ago first."""

    def __init__(self, beside: Path) -> None:
        self._path = beside.with_suffix(".turns.json")
        self._asked = dict.fromkeys(_kept(self._path))

    def of(self, questions: Iterable[str]) -> list[str]:
        """In their order; what was never asked comes before all others."""
        place = {question: number for number, question in enumerate(self._asked, 1)}
        return sorted(questions, key=lambda question: (place.get(question, 0), question))

    @contextmanager
    def asks(self, question: str) -> Iterator[None]:
        """Entered to ask; whatever comes of it, it was asked, unless it was left alone."""
        try:
            yield
        except LeftAlone:
            raise
        except ArkwrightError:
            self._last(question)
            raise
        self._last(question)

    def keep(self) -> None:
        """For the next look. Where it cannot be written that one has the order of this one."""
        asked = msgspec.json.encode([*self._asked][-_KEPT:])
        with suppress(ArkwrightError):
            durable.write(asked, self._path, f"the turns in {self._path.parent}")

    def _last(self, question: str) -> None:
        self._asked.pop(question, None)
        self._asked[question] = None


def _kept(path: Path) -> list[str]:
    """Nothing where nobody was asked, or what is there is none."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=list[str])
    return []
