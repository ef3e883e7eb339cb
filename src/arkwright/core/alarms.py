"""The nouns of what is noticed in production: an alarm, and what is done about it."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What is done about an alarm that has stood for `after`: notify | discuss | halt | rollback | fallback | run.

    `to`: about this promise, else about any; `of`: where the release is the live one, a canary or a shadow. The same is
    not done about another alarm before `cool_down` is over, and that it is not is said: a move of the endpoint and a
    run of the line, a halt of the same release, a word to the same people of the same promise of the same release.
    `dry_run`: it is only said what would be done. `tell`: people, or the signing roles of people, who are told or
    mentioned.
    """

    do: tuple[str, ...]
    to: str | None = None
    of: str | None = None  # live | canary | shadow
    after: str | None = None
    cool_down: str = "1d"
    dry_run: bool = False
    tell: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A promise of an endpoint is broken by what a release answered `since` and `until`, or one of a dataset by what
    its source held then; a later record says that it is `over`, or that the release has `left` the endpoint. `causes`:
    what explained it when it was raised, as sentences; `rows`: the command that lists the rows of the first.
    """

    KIND: ClassVar[str] = "alarm"

    about: str  # late, an endpoint's name; data.flights where it is a dataset
    number: int  # of the alarms about it
    release: str  # empty where it is a dataset
    promise: str
    state: str  # raised | over | left
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    note: str
    since: str
    until: str
    causes: tuple[str, ...] = ()
    rows: str = ""

    @property
    def ref(self) -> str:
        return f"{self.KIND}:{self.about}/{self.number}"

    @property
    def breaker(self) -> str:
        """What broke the promise: release:late@3, or dataset:flights."""
        return self.release or subject(self.about)


# what is promised of every dataset that is watched
READABLE = "readable == 1"  # its source can be reached and read
UNCHANGED = "changed_columns == 0"  # its source has the columns that it had when it was last on record
DATA = "data."  # before a dataset's name, as its table in arkwright.toml has it; no endpoint's name holds a dot


def subject(about: str) -> str:
    """The reference of what alarms are about: endpoint:late, dataset:flights."""
    return f"dataset:{about.removeprefix(DATA)}" if about.startswith(DATA) else f"endpoint:{about}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted:
    """What was done about an alarm, or why it was not: `outcome` begun | done | refused | dry-run, or
    withheld until the same, done about another alarm, has cooled down. `people`: who are told.
    """

    KIND: ClassVar[str] = "reaction"

    alarm: str  # alarm:late/7
    do: str
    outcome: str
    says: str
    people: tuple[str, ...] = ()
