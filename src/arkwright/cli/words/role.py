"""`arkwright role`."""

import argparse

from arkwright.api.people.accounts import role
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="of the account")
    context.given_role(parser, "none, viewer, contributor or owner")
    parser.add_argument("--signs", action="append", metavar="ROLE", help="a signing role; all that are given, no other")
    parser.add_argument("--signs-nothing", action="store_true", help="take every signing role away")
    parser.add_argument("--email", help="where the person is reached")
    parser.add_argument("--reason", default="", help="why; it goes on record")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    signs = [] if given.signs_nothing else given.signs
    words = {"name": given.name, "role": given.to, "signs": signs, "email": given.email, "reason": given.reason}
    changed = role(site, actor, project, **words)
    if given.json:
        output.as_json(changed)
    else:
        may = f"is {changed.role}, signs: {', '.join(changed.signs) or '–'}"
        output.console().print(f"[green]✓[/] {changed.ref} {'is shut out' if changed.role == 'none' else may}")
    return 0
