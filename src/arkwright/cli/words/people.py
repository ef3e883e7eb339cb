"""`arkwright people`."""

import argparse

from arkwright.api.talking.talk import people
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    done = people(site, actor, project)
    if given.json:
        output.as_json(done)
        return 0
    rows = [(output.escape(one.name), one.points, one.accepted, one.helpful) for one in done]
    screen = output.console()
    if rows:
        screen.print(output.table(("who", ">points", ">answers accepted", ">found helpful"), rows))
    else:
        screen.print("nobody has answered a question yet")
    return 0
