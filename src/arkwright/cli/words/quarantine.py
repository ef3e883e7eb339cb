"""`arkwright quarantine`."""

import argparse

from arkwright.api.datasets import quarantine
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", help="such as flights or flights@2")
    parser.add_argument("text", nargs="?", help="in the reason or in what the row holds")
    parser.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--after", metavar="PLACE", help="go on where the page before ended")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    words = {"dataset": given.dataset, "text": given.text, "limit": given.limit, "after": given.after}
    found = quarantine(site, actor, project, **words)
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found.items:
        screen.print("no row is in quarantine" if given.text is None else "no such row is in quarantine")
    else:
        rows = [(one.row, output.escape(one.reason), output.escape(one.raw[:120])) for one in found.items]
        screen.print(output.table((">row", "reason", "what it holds"), rows))
        if found.next:
            screen.print(f"more: --after {found.next}")
    return 0
