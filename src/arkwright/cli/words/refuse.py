"""`arkwright refuse`."""

import argparse

from arkwright.api.decide import refuse
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", help="such as late or late@3")
    parser.add_argument("--reason", required=True, help="why not")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    decision = refuse(site, actor, project, release=given.release, reason=given.reason)
    if given.json:
        output.as_json(decision)
    else:
        said = f"{output.escape(decision.by)} refused {decision.release} as {decision.role}: "
        output.console().print(f"[bold red]✗[/] {said}{output.escape(decision.reason)}")
    return 0
