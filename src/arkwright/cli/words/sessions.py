"""`arkwright sessions`."""

import argparse
from datetime import UTC, datetime

from arkwright.api.people.sessions import sessions
from arkwright.cli import context, output
from arkwright.cli.words.token import asked


def arguments(parser: argparse.ArgumentParser) -> None:
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    site, project = context.where(given)
    found = sessions(site, asked(given, site), project)
    if given.json:
        output.as_json(found)
        return 0
    rows = [
        (p.id, p.kind, p.role or "", ", ".join(p.signs or ()), _day(p.seen), _day(p.expires), output.escape(p.note))
        for p in found
    ]
    head = ("id", "kind", "role", "signs as", "last used (UTC)", "ends (UTC)", "note")
    output.console().print(output.table(head, rows))
    return 0


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}" if at else "–"
