"""`arkwright seen`."""

import argparse

from arkwright.api.talking.inbox import seen
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notices", nargs="*", type=int, help="their numbers, as `arkwright inbox` shows them")
    parser.add_argument("--upto", type=int, metavar="NUMBER", help="every notice up to this one")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    done = seen(site, actor, project, notices=tuple(given.notices), upto=given.upto)
    if given.json:
        output.as_json(done)
        return 0
    output.console().print(f"[green]✓[/] {done.unread} unread")
    return 0
