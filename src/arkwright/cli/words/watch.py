"""`arkwright watch`."""

import argparse
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from arkwright.api.watch.alarms import alarms
from arkwright.api.watch.data import WatchedData
from arkwright.api.watch.data_over_time import data_over_time
from arkwright.api.watch.over_time import SPANS, over_time
from arkwright.api.watch.rounds import watch
from arkwright.api.watch.window import Watched
from arkwright.cli import alarm_view, context, output, watch_plots, watch_view
from arkwright.core import versions
from arkwright.core.alarms import DATA
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Endpoint
from arkwright.core.times import moment
from arkwright.pages.watch_report import report
from arkwright.sites import Site

_MARKS = {"kept": "[green]kept[/]", "broken": "[red]broken[/]", "unproven": "[yellow]unproven[/]"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", help="endpoints and datasets, such as late data.flights (default: all)")
    parser.add_argument("--report", metavar="FILE", help="write what was noticed, with pictures, as one HTML file")
    parser.add_argument("--plots", action="store_true", help="draw performance, drift and alarms over time here")
    parser.add_argument("--span", default="7d", choices=tuple(SPANS), help="how far back pictures go (default: 7d)")
    parser.add_argument("--until", metavar="TIME", help="where pictures end: 7d (ago), or a time in UTC (default: now)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor, until = context.where(given), context.actor(given), moment(given.until)
    found = watch(site, actor, project, names=tuple(given.names))
    if given.report:
        made = report(site, actor, project, names=tuple(given.names), span=given.span, until=until)
        _write(Path(given.report), made)
    if given.json:
        output.as_json(found)
    elif not found:
        said = "nothing is watched: see promises under [endpoint.NAME], and watch under [data.NAME]"
        output.console().print(output.escape(said))
    else:
        _show(site, actor, project, found, given.span, until, plots=given.plots)
    if given.report and not given.json:
        output.console().print(f"written: {output.escape(given.report)}")
    return 1 if any(one.verdict == "broken" for one in found) else 0


def _show(
    site: Site,
    actor: Actor,
    project: Path,
    found: Sequence[Watched | WatchedData],
    span: str,
    until: datetime | None,
    *,
    plots: bool,
) -> None:
    screen = output.console()
    names = dict.fromkeys(one.endpoint for one in found if isinstance(one, Watched))
    nouns = [versions.resolve(site.ledger, Endpoint, name) for name in names]
    seen = [over_time(site, actor, project, endpoint=noun, span=span, until=until) for noun in nouns]
    data = dict.fromkeys(one.dataset.partition(":")[2] for one in found if isinstance(one, WatchedData))
    sources = [data_over_time(site, actor, project, name=name, span=span, until=until) for name in data]
    pictures = {key: picture for one in seen for key, picture in watch_view.sparks(one).items()}
    pictures |= {key: picture for one in sources for key, picture in watch_view.data_sparks(one).items()}
    head = ("of", "promise", "verdict", ">found", ">rows", f"last {span}", "note")
    screen.print(output.table(head, (_cells(one, pictures) for one in found)))
    for one in seen:
        for line in watch_view.performance(one):
            screen.print(line)
    for source in sources:
        if source.source:
            screen.print(watch_view.source(source, span))
    for about in dict.fromkeys(map(_about, found)):
        for stands in alarms(site, actor, project, about=about, standing=True).items:
            for line in alarm_view.lines(stands):
                screen.print(line)
    for one in seen if plots else ():
        for line in watch_plots.plots(one):
            screen.print(line, no_wrap=True, overflow="ellipsis")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {(error.strerror or '').lower()}") from None


def _about(one: Watched | WatchedData) -> str:
    """What its alarms are about."""
    if isinstance(one, WatchedData):
        return DATA + one.dataset.partition(":")[2]
    return one.endpoint.partition(":")[2].partition("@")[0]


def _cells(one: Watched | WatchedData, pictures: dict[tuple[str, str], str]) -> tuple[str, ...]:
    if isinstance(one, WatchedData):
        who, ends = _about(one), ""
        picture = pictures.get((who, one.promise), "")
    else:
        who = one.release.partition(":")[2] + (" (shadow)" if one.shadow else "")
        there = one.low is not None and one.high is not None
        ends = f" [{output.number(one.low)} to {output.number(one.high)}]" if there else ""
        picture = pictures.get((one.release, one.promise), "")
    return (
        output.escape(who),
        output.escape(one.promise),
        _MARKS[one.verdict],
        "–" if one.value is None else output.number(one.value) + output.escape(ends),
        f"{one.n:,}" if one.n is not None else "",
        f"[cyan]{picture}[/]" if picture else "",
        output.escape(one.note),
    )
