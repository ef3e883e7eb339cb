"""`arkwright watch`."""

import argparse

from arkwright.api.alarms import alarms
from arkwright.api.watching import watch
from arkwright.api.watching_data import WatchedData
from arkwright.api.watching_window import Watched
from arkwright.cli import alarm_view, context, output
from arkwright.core.alarms import DATA

_MARKS = {"kept": "[green]kept[/]", "broken": "[red]broken[/]", "unproven": "[yellow]unproven[/]"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", help="endpoints and datasets, such as late data.flights (default: all)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = watch(site, actor, project, names=tuple(given.names))
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found:
        screen.print("nothing is watched: see promises under [endpoint.NAME], and watch under [data.NAME]")
    else:
        head = ("of", "promise", "verdict", ">found", ">rows", "note")
        screen.print(output.table(head, map(_cells, found)))
        for about in dict.fromkeys(map(_about, found)):
            for stands in alarms(site, actor, project, about=about, standing=True).items:
                for line in alarm_view.lines(stands):
                    screen.print(line)
    return 1 if any(one.verdict == "broken" for one in found) else 0


def _about(one: Watched | WatchedData) -> str:
    """What its alarms are about."""
    if isinstance(one, WatchedData):
        return DATA + one.dataset.partition(":")[2]
    return one.endpoint.partition(":")[2].partition("@")[0]


def _cells(one: Watched | WatchedData) -> tuple[str, ...]:
    if isinstance(one, WatchedData):
        said = "–" if one.value is None else output.number(one.value)
        return _row(_about(one), one, said)
    ends = "" if one.low is None or one.high is None else f" [{output.number(one.low)} to {output.number(one.high)}]"
    said = "–" if one.value is None else output.number(one.value) + output.escape(ends)
    shadow = " (shadow)" if one.shadow else ""
    return _row(one.release.partition(":")[2] + shadow, one, said)


def _row(who: str, one: Watched | WatchedData, said: str) -> tuple[str, ...]:
    return (
        output.escape(who),
        output.escape(one.promise),
        _MARKS[one.verdict],
        said,
        f"{one.n:,}" if one.n is not None else "",
        output.escape(one.note),
    )
