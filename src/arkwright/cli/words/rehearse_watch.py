"""`arkwright rehearse-watch`."""

import argparse

from arkwright.api.watch.alarms import OVER, RAISED
from arkwright.api.watch.rehearsal import STEP, rehearse_watch
from arkwright.api.watch.rehearsed import UNKNOWN, Rehearsed
from arkwright.cli import context, output
from arkwright.cli.alarm_view import TONES
from arkwright.core.times import moment

_TONES = {RAISED: "[bold red]raised[/]", OVER: "[green]over[/]"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("about", help="an endpoint or a dataset, such as late or data.flights")
    parser.add_argument("--since", metavar="TIME", help="30d (ago), or a time in UTC (default: a week before the end)")
    parser.add_argument("--until", metavar="TIME", help="the same (default: now)")
    parser.add_argument(
        "--step",
        metavar="SPAN",
        help=f"how often an endpoint is looked at (default: {STEP}): once in each step, as at the last look that the "
        "watch made in it, or at its end where it made none",
    )
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    with output.progress(quiet=given.json) as say:
        found = rehearse_watch(
            site,
            actor,
            project,
            about=given.about,
            since=moment(given.since),
            until=moment(given.until),
            step=given.step,
            say=say,
        )
    screen = output.console()
    if given.json:
        output.as_json(found)
        return 0
    for one in (one for one in found if one.what == UNKNOWN):
        of = f"{one.promise}: " if one.promise else ""
        screen.print(f"[yellow]unknown[/] from {one.at:%Y-%m-%d %H:%M} UTC on: {output.escape(of + one.note)}")
    noticed = [one for one in found if one.what != UNKNOWN]
    if noticed:
        screen.print(
            output.table(
                ("at (UTC)", "what", "of", "promise", ">found", "note"), (_cells(one, given.about) for one in noticed)
            )
        )
    else:
        screen.print(f"{'apart from that, ' if found else ''}nothing would have been noticed")
    return 0


def _cells(one: Rehearsed, about: str) -> tuple[str, ...]:
    ends = "" if one.low is None or one.high is None else f" [{output.number(one.low)} to {output.number(one.high)}]"
    return (
        f"{one.at:%Y-%m-%d %H:%M}",
        _TONES.get(one.what) or _would(one),
        output.escape(one.release.partition(":")[2] or about),
        output.escape(one.promise),
        output.number(one.value) + output.escape(ends),
        output.escape(one.note),
    )


def _would(one: Rehearsed) -> str:
    if one.outcome in ("done", "begun"):
        return f"would {one.what}"
    return f"[{TONES[one.outcome]}]{one.what}[/] {one.outcome}"
