"""`arkwright follow`."""

import argparse

from arkwright.api.talking.talk import follow
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("about", help="such as release:late@3, endpoint:late, or release:late for every version")
    parser.add_argument("--off", action="store_true", help="no longer")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    done = follow(site, actor, project, about=given.about, on=not given.off)
    if given.json:
        output.as_json(done)
        return 0
    said = "hears of" if done.on else "no longer hears of"
    output.console().print(f"[green]✓[/] {output.escape(done.by)} {said} {output.escape(done.about)}")
    return 0
