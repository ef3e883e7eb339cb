"""Rules that people wrote, in the TOML and in a decision table beside it, rehearsed without a row: the safeguards of an
endpoint, and those that are a model by themselves.
"""

from collections.abc import Mapping, Sequence

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Column
from arkwright.core.safeguards import book, sheet
from arkwright.core.safeguards.grammar import needs_model, parse
from arkwright.core.safeguards.words import REVIEW, Rule, Scope, scope_of
from arkwright.project import decision_tables, texts
from arkwright.project.loaded import Project
from arkwright.project.problems import Problems
from arkwright.project.spec import RuleSpec

Placed = tuple[Rule, str, dict[str, str]]  # a rule, where it stands, and its conditions by the column of a table


def rehearsed(
    project: Project,
    columns: Mapping[str, tuple[Column, ...] | None],
    written: Mapping[str, tuple[Rule, ...]],
    problems: Problems,
) -> dict[str, tuple[Rule, ...]]:
    """Endpoint -> its rules. Mistakes are added to `problems`, each with file and line.

    `columns`: of each dataset, None when only reading it can tell; then names are held against it once it is read.
    `written`: of each model the rules that it is made of.
    """
    made: dict[str, tuple[Rule, ...]] = {}
    for name, endpoint in project.spec.endpoint.items():
        placed = _placed(project, ("endpoint", name, "safeguards"), endpoint.safeguards, endpoint.table, problems)
        made[name] = _in_order(placed, problems)
        spec = project.spec.model[endpoint.model]
        known = columns.get(spec.source)
        scope = scope_of(known, spec.target, spec.task) if known is not None else None
        own = {rule.name for rule in written.get(endpoint.model, ())}
        for one in placed:
            _check(one, scope, problems)
            if spec.of_rules:
                _check_alone(one, None, problems)
            if one[0].name in own:
                problems.add(one[1], f"the model has a rule called {one[0].name!r}, too; each answer names its rule")
    _same_releases(project, made, problems)
    return {name: rules for name, rules in made.items() if rules}


def of_model(project: Project, name: str, columns: tuple[Column, ...] | None, problems: Problems) -> tuple[Rule, ...]:
    """The rules that are the model `name`, the default behind them as a rule that always fires."""
    spec, lines = project.spec.model[name], project.sheet.lines
    placed = _placed(project, ("model", name, "rules"), spec.rules, spec.table, problems)
    if spec.default is not None:
        rule = Rule(name="default", when="true", answer=spec.default)
        placed.append((rule, lines.of("model", name, "default"), {}))
    elif not any(rule.when == "true" for rule, _, _ in placed):
        problems.add(lines.of("model", name), f"{name} says nothing of a row that no rule fits; add default = …")
    if not spec.of_rules:
        problems.add(lines.of("model", name, "default"), "a default is for a model of rules; add rules or a table")
    scope = scope_of(columns, spec.target, spec.task) if columns is not None else None
    for one in placed:
        _check(one, scope, problems)
        _check_alone(one, scope, problems)
        if one[0].answer == REVIEW and not (scope and scope.classes and REVIEW in scope.classes):
            problems.add(one[1], "a model answers; to ask for a person, write it into the endpoint's safeguards")
    return _in_order(placed, problems)


def where(project: Project, path: tuple[str, str, str], rule: Rule) -> str:
    """`arkwright.toml:12`, where a rule stands; of a rule of a table, where the table is named.

    `path`: of the list of rules, ("endpoint", "late", "safeguards") or ("model", "late", "rules").
    """
    lines, start = project.sheet.lines, project.sheet.lines.of(*path)
    for quoted in (f'"{rule.name}"', f"'{rule.name}'"):
        found = lines.of(*path, mentioning=quoted)
        if found != start:
            return found
    given = getattr(getattr(project.spec, path[0])[path[1]], path[2])
    return start if any(one.name == rule.name for one in given) else lines.of(*path[:2], "table")


def _placed(
    project: Project, path: tuple[str, str, str], given: Sequence[RuleSpec], table: str | None, problems: Problems
) -> list[Placed]:
    found: list[Placed] = []
    for one in given:
        rule = Rule(name=one.name, when=one.when, answer=one.answer, because=one.because)
        found.append((rule, where(project, path, rule), {}))
    if table is None:
        return found
    try:
        decision_tables.file(project.folder, table)
        text = texts.read(project.code.folder / table)
    except ArkwrightError as error:
        problems.add(project.sheet.lines.of(*path[:2], "table"), error)
        return found
    lines, wrong = sheet.read(text, table)
    for message in wrong:
        place, _, what = message.partition(": ")
        problems.add(place, what)
    return found + [(line.rule, f"{table}:{line.number}", line.cells) for line in lines]


def _in_order(placed: Sequence[Placed], problems: Problems) -> tuple[Rule, ...]:
    rules = tuple(rule for rule, _, _ in placed)
    for at, what in book.check_order(rules):
        problems.add(placed[min(at, len(placed) - 1)][1], what)
    return rules


def _check(placed: Placed, scope: Scope | None, problems: Problems) -> None:
    rule, place, cells = placed
    before = len(problems.lines)
    for column, when in cells.items() or [("", rule.when)]:
        try:
            if scope is None:
                parse(when)
            else:
                book.check_condition(when, scope)
        except Invalid as error:
            problems.add(place, f"column {column[:80]}: {error}" if column else error)
    if scope is None:
        return
    try:
        book.check_answer(rule.answer, scope)
        if len(problems.lines) == before:
            book.check_condition(rule.when, scope)  # cells that are fine alone can be too long together
    except Invalid as error:
        problems.add(place, f"column answer: {error}" if cells else error)


def _check_alone(placed: Placed, scope: Scope | None, problems: Problems) -> None:
    """What a rule may not ask where rules are the model; `scope`: where it is one of these itself."""
    rule, place, _ = placed
    try:
        tree = parse(rule.when)
        if needs_model(tree):
            problems.add(place, f"{rule.name} speaks of the model's answer, and this model is made of rules alone")
        elif scope is not None and book.asks_what_was_seen(tree, scope):
            problems.add(place, f"{rule.name} asks about rows trained on, and a model of rules learns from none")
    except Invalid:
        return  # told before


def _same_releases(project: Project, made: Mapping[str, tuple[Rule, ...]], problems: Problems) -> None:
    """Safeguards are in the release: endpoints that take the same releases have the same ones."""
    first: dict[tuple[str, str], str] = {}
    for name, endpoint in project.spec.endpoint.items():
        other = first.setdefault((endpoint.model, endpoint.gate), name)
        if made[other] != made[name]:
            both = (
                f"{other} and {name} take the same releases, in which the safeguards are, but not the same safeguards"
            )
            problems.add(project.sheet.lines.of("endpoint", name), f"{both}; give one of them a gate of its own")
