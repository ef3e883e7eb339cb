"""`arkwright new`."""

import argparse
from pathlib import Path

from arkwright.api.start import new
from arkwright.cli import context, output
from arkwright.sites import local


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="of the project and its folder")
    parser.add_argument("--from", dest="example", metavar="APP", help="an application to start from, such as flights")


def main(given: argparse.Namespace) -> int:
    here = Path(given.project) if given.project else Path.cwd()
    made = new(local(here), context.actor(given), here, name=given.name, example=given.example)
    if given.json:
        output.as_json({"folder": str(made)})
    else:
        output.console().print(f"[green]✓[/] {made.name} is ready; next: cd {made.name} && arkwright run")
    return 0
