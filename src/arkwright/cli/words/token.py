"""`arkwright token`."""

import argparse
import getpass
import os
import sys

from arkwright.api.people.accounts import has_accounts, token
from arkwright.api.people.entering import prove_password
from arkwright.cli import context, output
from arkwright.core.errors import Unproven
from arkwright.core.nouns import Actor
from arkwright.sites import Site


def arguments(parser: argparse.ArgumentParser) -> None:
    context.given_role(parser, "what it may do at most (default: viewer)", default="viewer")
    parser.add_argument("--signs", action="append", default=[], metavar="ROLE", help="as what it may sign")
    parser.add_argument("--expires", default="30d", help="after how long it ends (default: 30d; at most 365d)")
    parser.add_argument("--note", default="", help="what it is for")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    site, project = context.where(given)
    actor = asked(given, site)
    words = {"role": given.to, "signs": given.signs, "expires": given.expires, "note": given.note}
    made = token(site, actor, project, **words)
    if given.json:
        output.as_json(made)
    else:
        print(made.secret, flush=True)  # noqa: T201
        print("it is shown this once; use it with: export ARKWRIGHT_TOKEN=…", file=sys.stderr)  # noqa: T201
    return 0


def asked(given: argparse.Namespace, site: Site) -> Actor:
    """Whoever gives the password, at the terminal or as the first line of a pipe; or who holds $ARKWRIGHT_TOKEN."""
    if os.environ.get("ARKWRIGHT_TOKEN"):
        return context.actor(given)
    if not has_accounts(site):
        raise Unproven("this site has no accounts, so there is no password to prove; they begin with: arkwright up")
    name = context.actor(given).name
    print(f"password of {name}: ", end="", file=sys.stderr, flush=True)  # noqa: T201
    if sys.stdin.isatty():
        password = getpass.getpass("")
    else:
        password = sys.stdin.readline().rstrip("\n")
        print(file=sys.stderr)  # noqa: T201 - what follows has a line of its own, as at a terminal
    return prove_password(site, name, password)
