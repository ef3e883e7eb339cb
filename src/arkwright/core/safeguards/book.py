"""The rules of one endpoint in order, compiled: those about the row first, those about the model's answer after it."""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.safeguards.compile import Compiler
from arkwright.core.safeguards.grammar import needs_model, parse
from arkwright.core.safeguards.logic import Run, Values
from arkwright.core.safeguards.words import MOST_RULES, REVIEW, Rule, Scope, Seen, Slot, class_name, kind_of


@dataclass(frozen=True, slots=True)
class Part:
    """`first` gives the place of the first rule that fires on these values, one for each slot; -1 when none does."""

    slots: tuple[Slot, ...]
    first: Callable[[Values], int]


@dataclass(frozen=True, slots=True)
class Book:
    """The rules and how they are judged; None where there is nothing to judge before or after the model.

    `categories` and `ranges` (column, share of its rows) are what `Seen` must hold.
    """

    rules: tuple[Rule, ...]
    before: Part | None
    after: Part | None
    categories: tuple[str, ...]
    ranges: tuple[tuple[str, float], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that any rule reads."""
        slots = [slot for part in (self.before, self.after) if part for slot in part.slots]
        return tuple(dict.fromkeys(slot.name for slot in slots if slot.what == "column"))

    def first(self, row: Mapping[str, Any], prediction: Any, probabilities: Mapping[str, float]) -> int:
        """The place of the rule that answers this row and answer of the model; -1 when none does."""
        for part in (self.before, self.after):
            if part:
                place = part.first([_value(slot, row, prediction, probabilities) for slot in part.slots])
                if place >= 0:
                    return place
        return -1


def _value(slot: Slot, row: Mapping[str, Any], prediction: Any, probabilities: Mapping[str, float]) -> Any:
    match slot.what:
        case "column":
            return row[slot.name]
        case "prediction":
            return prediction
        case "confidence":
            return max(probabilities.values())
    return probabilities[slot.name]


def compiled(rules: Sequence[Rule], scope: Scope, seen: Seen | None = None) -> Book:
    """Raises Invalid naming the first rule that is wrong. Without `seen` only for rules that do not ask for it."""
    before, after = Compiler(scope, seen), Compiler(scope, seen)
    early: list[tuple[int, Run]] = []
    late: list[tuple[int, Run]] = []
    for place, rule in enumerate(rules):
        try:
            check_answer(rule.answer, scope)
            tree = parse(rule.when)
            one, runs = (after, late) if needs_model(tree) else (before, early)
            runs.append((place, one.condition(tree)))
        except Invalid as error:
            raise Invalid(f"the safeguard {rule.name}: {error}") from None
    return Book(
        tuple(rules),
        Part(tuple(before.slots), _first(early)) if early else None,
        Part(tuple(after.slots), _first(late)) if late else None,
        tuple(dict.fromkeys(before.categories + after.categories)),
        tuple(dict.fromkeys(before.ranges + after.ranges)),
    )


def _first(conditions: list[tuple[int, Run]]) -> Callable[[Values], int]:
    if len(conditions) == 1:
        ((place, only),) = conditions
        return lambda values: place if only(values) is True else -1

    def first(values: Values) -> int:
        for place, holds in conditions:
            if holds(values) is True:
                return place
        return -1

    return first


def check_condition(when: str, scope: Scope) -> None:
    """Raises Invalid saying what is wrong with it."""
    Compiler(scope).condition(parse(when))


def asks_what_was_seen(tree: ast.expr, scope: Scope) -> bool:
    """Whether the condition asks what the rows trained on had. Raises Invalid for a condition that is wrong."""
    compiler = Compiler(scope)
    compiler.condition(tree)
    return bool(compiler.categories or compiler.ranges)


def check_answer(answer: Any, scope: Scope) -> None:
    """Raises Invalid unless it is `review`, or something that the model could have answered."""
    if answer == REVIEW:
        if scope.classes and REVIEW in scope.classes:
            raise Invalid(f"the model has a class called {REVIEW!r}, so nobody could tell; rename the class")
        return
    if scope.task == "regression":
        if kind_of(answer) != "number" or not math.isfinite(answer):
            raise Invalid(f'the answer {answer!r} is no number; a regression answers one, or "{REVIEW}"')
        return
    classes = scope.classes
    if classes is not None and not any(type(one) is type(answer) and one == answer for one in classes):
        near = did_you_mean(class_name(answer), [*map(class_name, classes), REVIEW])
        alike = any(class_name(one) == class_name(answer) for one in classes)
        said = f"a {kind_of(answer)}, and the classes are {kind_of(classes[0])}s" if alike else f"no class{near}"
        raise Invalid(f"the answer {class_name(answer)!r} is {said}")
    if classes is None and scope.predicts and (kind_of(answer) != scope.predicts or isinstance(answer, float)):
        raise Invalid(f'the answer {class_name(answer)!r} is no {scope.predicts}, as {scope.target} is, nor "{REVIEW}"')


def check_order(rules: Sequence[Rule]) -> list[tuple[int, str]]:
    """(place, what is wrong) for names that occur twice and rules that can never fire, since one before does."""
    found: list[tuple[int, str]] = []
    names: dict[str, int] = {}
    met: dict[str, str] = {}
    ends: dict[bool, str] = {}  # of which part everything is answered, and by which rule
    if len(rules) > MOST_RULES:
        return [(MOST_RULES, f"there are {len(rules)} rules; at most {MOST_RULES} are allowed")]
    for place, rule in enumerate(rules):
        if names.setdefault(rule.name, place) != place:
            found.append((place, f"two safeguards are called {rule.name!r}; each answer names its rule"))
        try:
            tree = parse(rule.when)
        except Invalid:
            continue  # told where it is compiled
        shape, late = ast.dump(tree), needs_model(tree)
        if shape in met:
            found.append((place, f"{rule.name} is never reached: {met[shape]} has the same condition"))
        elif ends.get(late):
            found.append((place, f"{rule.name} is never reached: {ends[late]} answers every row"))
        met.setdefault(shape, rule.name)
        if isinstance(tree, ast.Name) and tree.id == "true":
            ends.setdefault(late, rule.name)
    if False in ends:
        late_rules = [(n, r) for n, r in enumerate(rules) if _is_late(r)]
        found += [(n, f"{r.name} is never reached: {ends[False]} answers every row") for n, r in late_rules]
    return found


def _is_late(rule: Rule) -> bool:
    try:
        return needs_model(parse(rule.when))
    except Invalid:
        return False
