"""`arkwright rehearse-watch`."""

import argparse

from arkwright.api.watch.rehearsal import OVER, RAISED, Rehearsed, rehearse_watch
from arkwright.cli import context, output
from arkwright.core.times import moment

_TONES = {RAISED: "[bold red]raised[/]", OVER: "[green]over[/]"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("--since", metavar="TIME", help="30d (ago), or a time in UTC (default: a week before the end)")
    parser.add_argument("--until", metavar="TIME", help="the same (default: now)")
    parser.add_argument("--step", default="1h", metavar="SPAN", help="how often it is looked (default: 1h)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    with output.progress(quiet=given.json) as say:
        found = rehearse_watch(
            site,
            actor,
            project,
            endpoint=given.endpoint,
            since=moment(given.since),
            until=moment(given.until),
            step=given.step,
            say=say,
        )
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found:
        screen.print("nothing would have been noticed")
    else:
        screen.print(output.table(("at (UTC)", "what", "release", "promise", ">found", "note"), map(_cells, found)))
    return 0


def _cells(one: Rehearsed) -> tuple[str, ...]:
    ends = "" if one.low is None or one.high is None else f" [{output.number(one.low)} to {output.number(one.high)}]"
    return (
        f"{one.at:%Y-%m-%d %H:%M}",
        _TONES.get(one.what, f"would {one.what}"),
        output.escape(one.release.partition(":")[2]),
        output.escape(one.promise),
        output.number(one.value) + output.escape(ends),
        output.escape(one.note),
    )
