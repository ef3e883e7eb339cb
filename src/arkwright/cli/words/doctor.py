"""`arkwright doctor`."""

import argparse
from pathlib import Path

from arkwright.api.doctor import doctor
from arkwright.cli import context, output
from arkwright.core.errors import Unknown
from arkwright.core.nouns import Actor
from arkwright.sites import local

_MARKS = {True: "[green]✓[/]", False: "[bold red]✗[/]", None: "·"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing of its own."""


def main(given: argparse.Namespace) -> int:
    try:
        folder = context.project(given)
    except Unknown:
        folder = Path.cwd()  # a machine can be looked at before there is a project
    checks = doctor(local(folder), Actor(name=""), folder)
    if given.json:
        output.as_json(checks)
    else:
        rows = [(_MARKS[c.well], c.what, output.escape(c.found)) for c in checks]
        output.console().print(output.table(("", "what", "found"), rows))
    return 0 if all(check.well is not False for check in checks) else 1
