"""What explains an alarm, as every face shows it."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from arkwright.measures import moved
from arkwright.measures.causes import Explained, Part
from arkwright.measures.window import Window

MOST = 3  # sentences of an alarm, and columns that are shown


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where the rows of a part are among the predictions, as `predictions` takes it."""

    since: str
    until: str
    release: str
    where: tuple[str, ...]

    def command(self, endpoint: str) -> str:
        words = ["arkwright", "predictions", endpoint, "--since", self.since, "--until", self.until]
        words += ["--release", self.release]
        return shlex.join([*words, *(word for one in self.where for word in ("--where", one))])


@dataclass(frozen=True, kw_only=True)
class Causes:
    """What explains one promise on what a release answered `since` and `until` (UTC), or on what a dataset's source
    held then: `says` in sentences, at most three; else why nothing does. `rows`: the commands that list the rows of
    each. `explained`: all parts, for pictures of before and now; `places`: the rows of each of them; of a dataset there
    are none. `columns`: of those that are named first, all their values, each with its rows. `before`, `now`: what is
    held against what. `without`: why this measure is explained by nothing.
    """

    about: str  # endpoint:late@3, dataset:flights
    release: str
    promise: str
    since: datetime
    until: datetime
    before: str
    now: str
    explained: Explained
    says: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    places: tuple[Rows, ...] = ()
    columns: tuple[tuple[Explained, tuple[Rows, ...]], ...] = ()
    without: str = ""


def columns(found: Explained, window: Window | None) -> tuple[Explained, ...]:
    """Of each column that is named first, all its parts in their own order; of times, those that are named."""
    names = list(dict.fromkeys(part.column for part in found.parts if part.named))[:MOST]
    each = [replace(found, parts=_in_order(found.parts, name)) for name in names]
    return tuple(_whole(window, one) if window else one for one in each)


def _whole(window: Window, one: Explained) -> Explained:
    """Where of a column there is but its first value."""
    column = one.parts[0].column
    if len(one.parts) > 1 or not column:
        return one
    whole = moved.values(window, column, "psi")
    return replace(whole, parts=_in_order(whole.parts, column))


def _in_order(parts: Sequence[Part], column: str) -> tuple[Part, ...]:
    return tuple(sorted((part for part in parts if part.column == column), key=lambda part: part.place))
