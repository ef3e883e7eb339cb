"""`arkwright propose`."""

import argparse

from arkwright.api.promising.propose import propose
from arkwright.cli import context, output
from arkwright.cli.proposal_view import one


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("where", help="whose promise, such as gate.production, data.flights or endpoint.late")
    parser.add_argument("promise", nargs="?", help='what is to be promised, such as "recall >= 0.4"')
    parser.add_argument("--instead", metavar="PROMISE", help="which promise it replaces; alone: which one is to go")
    parser.add_argument("--reason", required=True, help="why")
    parser.add_argument("--edit", type=int, metavar="NUMBER", help="change a proposal of yours that is still open")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    made = propose(
        site,
        actor,
        project,
        where=given.where,
        promise=given.promise,
        instead=given.instead,
        reason=given.reason,
        proposal=given.edit,
    )
    if given.json:
        output.as_json(made)
    else:
        screen = output.console()
        screen.print(one(made))
        screen.print(f"  somebody else accepts or refuses it: arkwright review {made.proposal.id} --accept --reason …")
    return 0
