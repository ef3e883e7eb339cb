"""`arkwright live`."""

import argparse

from arkwright.api.catalog import live
from arkwright.cli import context, output
from arkwright.core.counted import percent
from arkwright.core.nouns import Decision
from arkwright.core.times import moment


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("time", nargs="?", help="7d (ago), or a time in UTC such as 2026-03-31T08:00 (default: now)")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    at = moment(given.time)
    found = live(site, actor, project, endpoint=given.endpoint, at=at)
    if given.json:
        output.as_json(found)
        return 0
    screen = output.console()
    until = f"until {found.until[:19]}" if found.until else "and still so"
    screen.print(f"{found.endpoint.ref}, since {found.since[:19]} UTC {until}")
    screen.print(output.because(f"moved by {output.escape(found.by)}", found.endpoint.reason))
    if found.endpoint.stopped:
        screen.print(f"[bold red]stopped[/] by {output.escape(found.endpoint.stopped)}: nothing answers")
    for one in found.releases:
        part = percent(one.share) if one.share else "a shadow"
        screen.print()
        screen.print(output.findings(one.findings, title=f"{one.release} ({part}), digest {one.digest[:12]}"))
        for d in one.signatures:
            screen.print(output.because(f"  {_signed(d)}", d.reason))
        for line in one.missing:
            screen.print(f"  [bold red]·[/] {output.escape(line)}")
    return 0


def _signed(by: Decision) -> str:
    known = "" if by.proven else " (declared, not proven)"
    return f"signed by {output.escape(by.by)} as {output.escape(by.role)}{known}"
