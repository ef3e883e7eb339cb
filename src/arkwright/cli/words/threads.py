"""`arkwright threads`."""

import argparse

from arkwright.api.talking.talk import threads
from arkwright.cli import context, output
from arkwright.cli.talk_view import thread


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", help="about what, such as release:late@3, or the number of a thread")
    parser.add_argument("--questions", action="store_true", help="only questions that are open")
    parser.add_argument("--mine", action="store_true", help="only where you said something")
    parser.add_argument("--watched", action="store_true", help="only what others began on what you watch")
    parser.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--before", type=int, metavar="NUMBER", help="only threads before this one")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    number = given.what is not None and given.what.isdecimal()
    found = threads(
        site,
        actor,
        project,
        about=None if number else given.what,
        thread=int(given.what) if number else None,
        questions=given.questions,
        mine=given.mine,
        watched=given.watched,
        limit=given.limit,
        before=given.before,
    )
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found.items and (given.what or given.questions or given.mine or given.watched or given.before):
        screen.print("no discussion fits")
    elif not found.items:
        screen.print('nothing was said yet; begin with: arkwright discuss release:late@3 "…"')
    else:
        for one in found.items:
            screen.print(thread(one))
        if found.next:
            screen.print(f"earlier: --before {found.next}")
    return 0
