"""`arkwright invite`."""

import argparse

from arkwright.api.people.accounts import invite
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="of the account, in small letters")
    context.given_role(parser, "viewer, contributor or owner (default: viewer)", default="viewer")
    parser.add_argument("--signs", action="append", default=[], metavar="ROLE", help="a signing role of a gate")
    parser.add_argument("--email", default="", help="where the person is reached")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    words = {"name": given.name, "role": given.to, "signs": given.signs, "email": given.email}
    handed = invite(site, actor, project, **words)
    if given.json:
        output.as_json(handed)
    else:
        print(f"✓ {handed.account} joins within a week, once, at the control room's address + /join/{handed.secret}")  # noqa: T201
    return 0
