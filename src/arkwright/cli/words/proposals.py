"""`arkwright proposals`."""

import argparse

from arkwright.api.promising.proposed import proposals
from arkwright.cli import context, output
from arkwright.cli.proposal_view import one


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proposal", nargs="?", type=int, help="one of them, by its number")
    parser.add_argument("--state", help="only such as are open, accepted, applied, committed, refused, withdrawn, void")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = proposals(site, actor, project, proposal=given.proposal, state=given.state)
    if given.json:
        output.as_json(found)
        return 0
    screen = output.console()
    for each in found:
        screen.print(one(each))
    if not found and given.state:
        screen.print(f"no proposal is {output.escape(given.state)}")
    elif not found:
        screen.print('nothing is proposed; begin with: arkwright propose gate.NAME "recall >= 0.7" --reason "…"')
    return 0
