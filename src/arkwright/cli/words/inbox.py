"""`arkwright inbox`."""

import argparse

from arkwright.api.talking.inbox import inbox
from arkwright.cli import context, output
from arkwright.cli.proposal_view import one as proposal
from arkwright.cli.talk_view import thread
from arkwright.core.telling import named


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=20, help="how many notices (default: 20)")
    parser.add_argument("--before", type=int, metavar="NUMBER", help="only notices before this one")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = inbox(site, actor, project, limit=given.limit, before=given.before)
    if given.json:
        output.as_json(found)
        return 0
    screen = output.console()
    for one in found.signatures:
        since = f", since {one.since[:16]}" if one.since else ""
        screen.print(f"[bold]sign[/]  {one.release} waits for {output.escape(' or '.join(one.roles))}{since}")
    for each in found.reviews:
        screen.print(f"[bold]review[/] {proposal(each)}")
    for one in found.failed:
        screen.print(f"[bold red]gate[/]  {one.release}: {output.escape('; '.join(one.missing))}")
    for run in found.failed_runs:
        screen.print(f"[bold red]run[/]   {run.ref} failed: {output.escape(run.error or '')}")
    for question in found.questions:
        screen.print(thread(question))
    rows = [("•" if n.unread else "", n.seq, output.escape(f"{n.by} {n.says} {named(n.about)}{n.then}"), n.at[:16])
            for n in found.notices]  # fmt: skip
    if rows:
        screen.print(output.table(("", ">number", "what", "at (UTC)"), rows))
    if not (rows or found.signatures or found.reviews or found.failed or found.failed_runs or found.questions):
        screen.print("nothing needs you")
    if found.next:
        screen.print(f"earlier: --before {found.next}")
    return 0
