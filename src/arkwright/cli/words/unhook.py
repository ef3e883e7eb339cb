"""`arkwright unhook`."""

import argparse

from arkwright.api.talking.hooks import unhook
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="as arkwright webhooks lists it")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    noun = unhook(site, actor, project, name=given.name)
    if given.json:
        output.as_json(noun)
    else:
        print(f"✓ {noun.to} is told nothing any more")  # noqa: T201
    return 0
