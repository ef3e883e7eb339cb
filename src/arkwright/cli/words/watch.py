"""`arkwright watch`."""

import argparse

from arkwright.api.alarms import alarms
from arkwright.api.watching import watch
from arkwright.api.watching_window import Watched
from arkwright.cli import alarm_view, context, output

_MARKS = {"kept": "[green]kept[/]", "broken": "[red]broken[/]", "unproven": "[yellow]unproven[/]"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoints", nargs="*", help="such as late (default: all)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = watch(site, actor, project, endpoints=tuple(given.endpoints))
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found:
        screen.print("no endpoint promises anything of its traffic; see promises under [endpoint.NAME]")
    else:
        head = ("release", "promise", "verdict", ">found", ">rows", "note")
        screen.print(output.table(head, map(_cells, found)))
        for name in dict.fromkeys(one.endpoint.partition(":")[2].partition("@")[0] for one in found):
            for one in alarms(site, actor, project, endpoint=name, standing=True).items:
                for line in alarm_view.lines(one):
                    screen.print(line)
    return 1 if any(one.verdict == "broken" for one in found) else 0


def _cells(one: Watched) -> tuple[str, ...]:
    ends = "" if one.low is None or one.high is None else f" [{output.number(one.low)} to {output.number(one.high)}]"
    said = "–" if one.value is None else output.number(one.value) + output.escape(ends)
    shadow = " (shadow)" if one.shadow else ""
    return (
        output.escape(one.release.partition(":")[2] + shadow),
        output.escape(one.promise),
        _MARKS[one.verdict],
        said,
        f"{one.n:,}" if one.n is not None else "",
        output.escape(one.note),
    )
