"""`arkwright webhook`."""

import argparse
import sys

from arkwright.api.talking.hooks import webhook
from arkwright.cli import context, output
from arkwright.notify import choice, forms


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="what it is called here")
    parser.add_argument("url", nargs="?", help="where it is told; without one, what is there is changed")
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="WHAT",
        help=f"of what, again and again: {', '.join(choice.WORDS)} (default: {', '.join(choice.USUAL)})",
    )
    parser.add_argument("--format", metavar="FORM", help=f"{', '.join(forms.FORMS)} (default: {forms.FORMS[0]})")
    parser.add_argument("--rotate", action="store_true", help="another key; the old one signs too for a day")
    parser.add_argument("--again", action="store_true", help="try once more what was given up")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    words = {"name": given.name, "url": given.url, "on": given.on, "format": given.format}
    made = webhook(site, actor, project, **words, rotate=given.rotate, again=given.again)
    if given.json:
        output.as_json(made)
        return 0
    noun = made.webhook
    said = f"✓ {noun.name} tells {noun.to} as {noun.format} of {', '.join(noun.on)}"
    print(said, file=sys.stderr if made.secret else sys.stdout)
    if made.secret:
        print(made.secret)  # noqa: T201
        print("that is its key, shown this once: give it to whoever checks the signatures", file=sys.stderr)  # noqa: T201
    return 0
