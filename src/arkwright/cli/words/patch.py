"""`arkwright patch`."""

import argparse
import sys

from arkwright.api.promising.proposed import patch
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proposal", type=int, help="the proposal's number")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    made = patch(site, actor, project, proposal=given.proposal)
    if given.json:
        output.as_json(made)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(made.text.encode())  # to the letter: a line's end is a part of it
    return 0
