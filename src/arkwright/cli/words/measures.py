"""`arkwright measures`."""

import argparse
from pathlib import Path

from arkwright.api.look import Described, measures
from arkwright.cli import output
from arkwright.core.nouns import Actor
from arkwright.measures.registry import KINDS
from arkwright.sites import local


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one measure in full")


def main(given: argparse.Namespace) -> int:
    here = Path.cwd()  # measures need no project
    found = measures(local(here), Actor(name=""), here, name=given.name)
    if given.json:
        output.as_json(found)
    elif given.name:
        _one(found[0])
    else:
        rows = [(m.stage, output.escape(m.call), output.escape(m.summary)) for m in found]
        output.console().print(output.table(("of", "measure", "what it says"), rows))
    return 0


def _one(measure: Described) -> None:
    screen = output.console()
    screen.print(f"[bold]{output.escape(measure.call)}[/]  measures {KINDS[measure.stage]}")
    screen.print(output.escape(measure.text))
    screen.print(f"[dim]source: {output.escape(measure.source)}[/]")
