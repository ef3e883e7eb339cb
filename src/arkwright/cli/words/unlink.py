"""`arkwright unlink`."""

import argparse

from arkwright.api.people.linking import unlink
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="of the account")
    parser.add_argument("--reason", default="", help="why; it goes on record")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    changed = unlink(site, actor, project, name=given.name, reason=given.reason)
    if given.json:
        output.as_json(changed)
    else:
        output.console().print(f"[green]✓[/] {changed.ref} is linked with nobody of the provider, and has no sessions")
    return 0
