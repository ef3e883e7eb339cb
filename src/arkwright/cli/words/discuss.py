"""`arkwright discuss`."""

import argparse
import sys

from arkwright.api.talking.talk import discuss
from arkwright.cli import context, output
from arkwright.collaborate.markdown import mentions
from arkwright.core.rules import person


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", help="about what, such as release:late@3, or the number of the thread that goes on")
    parser.add_argument("text", help="what you say, in Markdown; - reads standard input")
    parser.add_argument("--question", action="store_true", help="a question, to be answered")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    text = sys.stdin.read(1 << 20) if given.text == "-" else given.text
    number = int(given.what) if given.what.isdecimal() else None
    about = None if number is not None else given.what
    said = discuss(site, actor, project, text=text, about=about, thread=number, question=given.question)
    if given.json:
        output.as_json(said)
    else:
        kind = "question" if said.question else "comment"
        called = f"; told: {', '.join(said.mentions)}" if said.mentions else ""
        told = {person(name) for name in said.mentions}
        if nobody := [name for name in mentions(said.text) if person(name) not in told]:
            called += f"; nobody is called {' or '.join(nobody)}"
        where = f"{kind} {said.id} in thread {said.thread}, about {said.about}{called}"
        output.console().print(f"[green]✓[/] {output.escape(where)}")
    return 0
