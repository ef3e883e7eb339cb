"""`arkwright alarms`."""

import argparse

from arkwright.api.watch.alarms import alarms
from arkwright.cli import alarm_view, context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("about", nargs="?", help="an endpoint, or a dataset: late, data.flights (default: all)")
    parser.add_argument("--standing", action="store_true", help="only what is not over")
    parser.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--before", type=int, metavar="NUMBER", help="go on where the page before ended")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = alarms(
        site,
        actor,
        project,
        about=given.about,
        standing=given.standing,
        limit=given.limit,
        before=given.before,
    )
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found.items:
        screen.print("no alarm stands" if given.standing else "no alarm was ever raised")
    else:
        for one in found.items:
            for line in alarm_view.lines(one):
                screen.print(line)
        if found.next:
            screen.print(f"more: --before {found.next}")
    return 0
