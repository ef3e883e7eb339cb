"""What came over from elsewhere until now, counted, and what was left there."""

from dataclasses import dataclass, field, fields
from typing import Any

from arkwright.core.visible import visible

MOST_LEFT = 10_000  # that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What was not taken, and why."""

    what: str
    why: str


@dataclass(slots=True)
class Told:
    """What came over until now. `missing`: the places of files that could not be taken."""

    experiments: int = 0
    runs: int = 0
    changed: int = 0
    same: int = 0
    points: int = 0
    files: int = 0
    size: int = 0
    models: int = 0
    registered: int = 0
    versions: int = 0
    left: list[Left] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def leave(self, what: str, why: object) -> None:
        if len(self.left) < MOST_LEFT:
            self.left.append(left(what, why))

    def add(self, other: "Told") -> None:
        for one in fields(self):
            had: Any = getattr(self, one.name)
            more = getattr(other, one.name)
            setattr(self, one.name, had | more if one.name == "missing" else had + more)
        del self.left[MOST_LEFT:]


def left(what: str, why: object) -> Left:
    """Bounded: a server may say anything."""
    return Left(what=line(what[:300]), why=line(str(why)[:300]))


def line(text: str) -> str:
    """One line, with nothing in it that a terminal would obey."""
    return visible(" ".join(text.split()))
