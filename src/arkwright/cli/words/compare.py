"""`arkwright compare`."""

import argparse

from arkwright.api.runs.compared import Comparison, Fact, compare
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", help="two or more, such as flights@3 flights@4")
    parser.add_argument("--all", action="store_true", help="also what is the same in all of them")
    parser.add_argument("--code", action="store_true", help="how the code differs, line by line")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = compare(site, actor, project, runs=tuple(given.runs))
    if given.json:
        output.as_json(found)
        return 0
    shown = [fact for fact in found.facts if fact.differs or given.all]
    rows = [(fact.about, output.escape(fact.what), *map(_cell, _cells(fact))) for fact in shown]
    screen = output.console()
    screen.print(output.table(("", "what", *map(output.escape, found.names)), rows))
    _code(found, whole=given.code)
    return 0


def _cells(fact: Fact) -> list[object]:
    if not fact.verdicts:
        return list(fact.values)
    pairs = zip(fact.values, fact.verdicts, strict=True)
    return [None if verdict is None else f"{output.number(value)} {verdict}" for value, verdict in pairs]


def _cell(value: object) -> str:
    if isinstance(value, str):
        whole = len(value) == 64 and value.isalnum()
        return output.escape(value[:12] if whole else value[:60])
    return output.number(value)


def _code(found: Comparison, *, whole: bool) -> None:
    screen = output.console()
    for change in found.code:
        if whole:
            screen.print(output.escape(change.diff))
        else:
            added = sum(line.startswith("+") for line in change.diff.splitlines()[2:])
            cut = sum(line.startswith("-") for line in change.diff.splitlines()[2:])
            screen.print(f"{change.run}: {output.escape(change.path)} +{added} -{cut}  (--code shows it)")
