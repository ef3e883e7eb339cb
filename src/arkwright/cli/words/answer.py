"""`arkwright answer`."""

import argparse

from arkwright.api.talking.talk import answer
from arkwright.cli import context, output
from arkwright.cli.talk_view import thread


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("comment", type=int, help="its number")
    marks = parser.add_mutually_exclusive_group()
    marks.add_argument("--answered", action="store_true", help="the question is answered, by no comment in particular")
    marks.add_argument("--helpful", action="store_true", help="this comment was helpful")
    parser.add_argument("--undo", action="store_true", help="take it back")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    done = answer(site, actor, project, comment=given.comment, mark=_mark(given), undo=given.undo)
    if given.json:
        output.as_json(done)
        return 0
    output.console().print(thread(done))
    return 0


def _mark(given: argparse.Namespace) -> str:
    return "helpful" if given.helpful else "answered" if given.answered else "accepted"
