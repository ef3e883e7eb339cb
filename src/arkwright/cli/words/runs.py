"""`arkwright runs`."""

import argparse

from arkwright.api.catalog import runs
from arkwright.cli import context, output
from arkwright.core.times import moment


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", help="in the name, the author or the error")
    parser.add_argument("--name", help="only runs of this name")
    parser.add_argument("--author", help="only runs of this person")
    parser.add_argument("--state", help="started, finished or failed")
    parser.add_argument("--since", metavar="TIME", help="1h, 7d, or a time in UTC such as 2026-11-25T08:00")
    parser.add_argument("--until", metavar="TIME", help="the same; started before it")
    parser.add_argument("--sort", default="-started", help="started, seconds or name; --sort=-seconds: longest first")
    parser.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    parser.add_argument("--after", metavar="PLACE", help="go on where the page before ended")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = runs(
        site,
        actor,
        project,
        name=given.name,
        author=given.author,
        state=given.state,
        text=given.text,
        since=moment(given.since),
        until=moment(given.until),
        sort=given.sort,
        limit=given.limit,
        after=given.after,
    )
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found.items:
        screen.print("no run fits; start one with: arkwright run")
    else:
        rows = [
            (r.ref, r.state, output.escape(r.author), r.started[:19], sum(r.seconds.values()), _first(r.error or ""))
            for r in found.items
        ]
        screen.print(output.table(("run", "state", "by", "started (UTC)", ">seconds", "because"), rows))
        if found.next:
            screen.print(f"more: --after {found.next}")
    return 0


def _first(text: str) -> str:
    line = text.partition("\n")[0]
    return output.escape(line if len(line) <= 60 else line[:59] + "…")
