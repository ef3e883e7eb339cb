"""`arkwright search`."""

import argparse

from arkwright.api.search import search
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", help="all of them must be there; a phrase stands in quotes")
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        help="only of this kind: comment, release, finding, tracked (runs of clients), registered …",
    )
    parser.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--after", metavar="PLACE", help="go on where the page before ended")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    words = [f'"{word}"' if " " in word and '"' not in word else word for word in given.words]
    kinds = tuple(given.kind)
    found = search(site, actor, project, text=" ".join(words), kinds=kinds, limit=given.limit, after=given.after)
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found.items:
        screen.print("nothing holds all these words")
    else:
        rows = [
            (h.kind, output.escape(h.ref), output.escape(h.title), _marked(h.snippet), h.at[:10]) for h in found.items
        ]
        screen.print(output.table(("kind", "of", "title", "text", "on"), rows))
        if found.next:
            screen.print(f"more: --after {found.next}")
    return 0


def _marked(parts: tuple[str, ...]) -> str:
    flat = [output.escape(" ".join(part.split(" "))).replace("\n", " ") for part in parts]
    return "".join(f"[bold]{part}[/]" if number % 2 else part for number, part in enumerate(flat))
