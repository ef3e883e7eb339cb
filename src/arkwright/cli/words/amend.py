"""`arkwright amend`."""

import argparse

from arkwright.api.talking.talk import amend
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("comment", type=int, help="its number")
    parser.add_argument("text", nargs="?", help="what it says from now on")
    parser.add_argument("--delete", action="store_true", help="take it back; the record keeps that it was there")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    done = amend(site, actor, project, comment=given.comment, text=given.text, delete=given.delete)
    if given.json:
        output.as_json(done)
        return 0
    output.console().print(f"[green]✓[/] comment {done.id} was {'deleted' if done.deleted else 'changed'}")
    return 0
