"""`arkwright review`."""

import argparse

from arkwright.api.promising.review import review
from arkwright.cli import context, output
from arkwright.cli.proposal_view import one


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proposal", type=int, help="the proposal's number")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--accept", action="store_true", help="it is to be so; in a git checkout it is committed")
    choice.add_argument("--refuse", action="store_true", help="it is not; the author takes it back with this")
    parser.add_argument("--reason", required=True, help="why")
    parser.add_argument("--digest", help="of what was looked at; refused where it says something else by now")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    made = review(
        site,
        actor,
        project,
        proposal=given.proposal,
        accept=given.accept,
        reason=given.reason,
        digest=given.digest,
    )
    if given.json:
        output.as_json(made)
        return 0
    screen = output.console()
    screen.print(one(made))
    if made.state == "accepted":
        screen.print(f"  next: arkwright patch {made.proposal.id} | git apply")
    return 0
