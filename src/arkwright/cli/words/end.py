"""`arkwright end`."""

import argparse

from arkwright.api.people.sessions import end
from arkwright.cli import context
from arkwright.cli.words.token import asked


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", help="of the session or the token, as arkwright sessions tells")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    site, project = context.where(given)
    end(site, asked(given, site), project, id=given.id)
    print(f"✓ {given.id} is no more")  # noqa: T201
    return 0
