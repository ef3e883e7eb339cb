"""What a safeguard is made of: a rule, what the rules may speak of, and what was seen in training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.nouns import Column

REVIEW = "review"  # the answer that is none: a person looks at the row
FILE, SEEN, RULES = "safeguards.json", "seen.json", "rules.json"  # in a release; the last is a model of rules
MOST_RULES = 1000
MOST_CATEGORIES = 10_000

Answer = bool | int | float | str
Class = int | str | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`when` it holds for a row, `answer` is given instead of the model's: a class, a number, or `review`."""

    name: str
    when: str
    answer: Answer
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the rows had that were trained on: column -> its values, None among them when one was missing; and
    column -> its smallest and largest value (`distance`), or those of its middle rows (`distance within 0.98`).

    A date is its text as ISO 8601 says it.
    """

    categories: dict[str, tuple[int | str | bool | None, ...]] = field(default_factory=dict)
    ranges: dict[str, tuple[int | float | str, int | float | str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a rule may speak of. `columns`: the row's, without the target. `classes`: None when they are not known.

    `predicts`: number, text or bool; None when that is not known.
    """

    columns: Mapping[str, Column]
    target: str
    task: str
    predicts: str | None = None
    classes: tuple[Class, ...] | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that conditions read: a `column`, the `prediction`, the `confidence`, the `probability` of a class."""

    what: str
    name: str = ""


KINDS = {"int": "number", "float": "number", "str": "text", "bool": "bool"}


def kind_of(value: Any) -> str:
    """number, text or bool."""
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def class_name(value: object) -> str:
    """A class as JSON's keys call it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def range_key(column: str, within: float) -> str:
    """The name of a range in `Seen.ranges`."""
    return column if within == 1 else f"{column} within {within:g}"


def scope_of(columns: Iterable[Column], target: str, task: str, classes: tuple[Class, ...] | None = None) -> Scope:
    """What rules beside a model may speak of. `columns`: the dataset's; where the target is among them, it tells what
    the model predicts and, as a list or a bool, its classes.
    """
    known = {column.name: column for column in columns}
    own = known.pop(target, None)
    if task == "regression":
        return Scope(columns=known, target=target, task=task, predicts="number")
    if not classes and own:
        classes = own.allowed or ((False, True) if own.type == "bool" else None)
    predicts = kind_of(classes[0]) if classes else KINDS.get(own.type) if own else None
    return Scope(columns=known, target=target, task=task, predicts=predicts, classes=classes or None)
