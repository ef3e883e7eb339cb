"""`arkwright token`."""

import argparse
import getpass
import os
import sys
from datetime import UTC, datetime

from arkwright.api.accounts import passes, prove_password, revoke, token
from arkwright.cli import context, output
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.sites import Site


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("make", "list", "end"), default="make")
    parser.add_argument("id", nargs="?", help="with end: which one, as the list says")
    parser.add_argument("--to", metavar="ROLE", default="viewer", help="what it may do at most (default: viewer)")
    parser.add_argument("--signs", action="append", default=[], metavar="ROLE", help="as what it may sign")
    parser.add_argument("--expires", default="30d", help="after how long it ends (default: 30d; at most 365d)")
    parser.add_argument("--note", default="", help="what it is for")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    site, project = context.where(given)
    actor = context.actor(given) if os.environ.get("ARKWRIGHT_TOKEN") else _asked(given, site)
    if given.action == "list":
        return _list(given, site, actor)
    if given.action == "end":
        if given.id is None:
            raise Invalid("say which: arkwright token end ID, as arkwright token list tells")
        revoke(site, actor, project, id=given.id)
        print(f"✓ {given.id} is no more")  # noqa: T201
        return 0
    words = {"role": given.to, "signs": given.signs, "expires": given.expires, "note": given.note}
    made = token(site, actor, project, **words)
    if given.json:
        output.as_json(made)
    else:
        print(made.secret)  # noqa: T201
        print("it is shown this once; use it with: export ARKWRIGHT_TOKEN=…", file=sys.stderr)  # noqa: T201
    return 0


def _asked(given: argparse.Namespace, site: Site) -> Actor:
    """The password, from the terminal or from the first line of what is piped in."""
    name = context.actor(given).name
    print(f"password of {name}: ", end="", file=sys.stderr, flush=True)  # noqa: T201
    password = getpass.getpass("") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return prove_password(site, name, password)


def _list(given: argparse.Namespace, site: Site, actor: Actor) -> int:
    found = passes(site, actor)
    if given.json:
        output.as_json(found)
        return 0
    rows = [
        (p.id, p.kind, p.role or "", ", ".join(p.signs or ()), _day(p.expires), output.escape(p.note)) for p in found
    ]
    output.console().print(output.table(("id", "kind", "role", "signs as", "ends (UTC)", "note"), rows))
    return 0


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
