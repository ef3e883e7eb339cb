"""`arkwright watch`."""

import argparse
from pathlib import Path

from arkwright.api.alarms import alarms
from arkwright.api.watch_over_time import SPANS, over_time
from arkwright.api.watching import watch
from arkwright.api.watching_window import Watched
from arkwright.cli import alarm_view, context, output, watch_view
from arkwright.core import versions
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Endpoint
from arkwright.pages.watch_report import report

_MARKS = {"kept": "[green]kept[/]", "broken": "[red]broken[/]", "unproven": "[yellow]unproven[/]"}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoints", nargs="*", help="such as late (default: all)")
    parser.add_argument(
        "--report", metavar="FILE", help="write what was noticed over time, with pictures, as one HTML file"
    )
    parser.add_argument("--span", default="7d", choices=tuple(SPANS), help="how far back pictures go (default: 7d)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = watch(site, actor, project, endpoints=tuple(given.endpoints))
    if given.report:
        _write(Path(given.report), report(site, actor, project, endpoints=tuple(given.endpoints), span=given.span))
    screen = output.console()
    if given.json:
        output.as_json(found)
    elif not found:
        screen.print("no endpoint promises anything of its traffic; see promises under [endpoint.NAME]")
    else:
        names = dict.fromkeys(one.endpoint for one in found)
        nouns = [versions.resolve(site.ledger, Endpoint, name) for name in names]
        seen = [over_time(site, actor, project, endpoint=noun, span=given.span) for noun in nouns]
        pictures = {key: picture for one in seen for key, picture in watch_view.sparks(one).items()}
        head = ("release", "promise", "verdict", ">found", ">rows", f"last {given.span}", "note")
        screen.print(output.table(head, (_cells(one, pictures.get((one.release, one.promise), "")) for one in found)))
        for one in seen:
            for line in watch_view.performance(one):
                screen.print(line)
        for noun in nouns:
            for alarm in alarms(site, actor, project, endpoint=noun.name, standing=True).items:
                for line in alarm_view.lines(alarm):
                    screen.print(line)
    if given.report and not given.json:
        screen.print(f"written: {output.escape(given.report)}")
    return 1 if any(one.verdict == "broken" for one in found) else 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {(error.strerror or '').lower()}") from None


def _cells(one: Watched, picture: str) -> tuple[str, ...]:
    ends = "" if one.low is None or one.high is None else f" [{output.number(one.low)} to {output.number(one.high)}]"
    said = "–" if one.value is None else output.number(one.value) + output.escape(ends)
    shadow = " (shadow)" if one.shadow else ""
    return (
        output.escape(one.release.partition(":")[2] + shadow),
        output.escape(one.promise),
        _MARKS[one.verdict],
        said,
        f"{one.n:,}" if one.n is not None else "",
        f"[cyan]{picture}[/]" if picture else "",
        output.escape(one.note),
    )
