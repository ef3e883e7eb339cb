"""`arkwright ledger`."""

import argparse
import re
import sys

from arkwright.api.catalog import export, ledger
from arkwright.cli import context, output
from arkwright.core.record import encode
from arkwright.core.times import moment

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "verify", "head", "export"), default="list")
    parser.add_argument("--against", metavar="HEAD", help="with verify: a head noted earlier and kept elsewhere")
    parser.add_argument("--last", type=int, default=20, help="how many events to list")
    parser.add_argument("--kind", action="append", default=[], help="only events of this kind")
    parser.add_argument("--who", help="only what this person wrote")
    parser.add_argument("--since", metavar="TIME", help="1h, 7d, or a time in UTC such as 2026-11-25T08:00")
    parser.add_argument("--until", metavar="TIME", help="the same; written before it")
    parser.add_argument("--about", help="only about this, such as release:late@3")
    parser.add_argument("--text", help="only what says these words")
    parser.add_argument("--before", type=int, metavar="SEQ", help="the events before this one")
    parser.add_argument("--after", type=int, metavar="SEQ", help="the events after this one")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    screen = output.console()
    if given.action == "verify":
        count = site.ledger.verify(given.against)
        text = f"[green]✓[/] {count} events; every seal holds"
        output.as_json({"events": count, "sound": True}) if given.json else screen.print(text)
        return 0
    if given.action == "head":
        output.as_json({"head": site.ledger.head()}) if given.json else screen.print(site.ledger.head())
        return 0
    if given.action == "export":
        for event in export(site, actor, project):
            sys.stdout.write(f"{encode(event)}\n")
        return 0
    events = ledger(
        site,
        actor,
        project,
        kinds=tuple(given.kind),
        who=given.who,
        since=moment(given.since),
        until=moment(given.until),
        about=given.about,
        text=given.text,
        before=given.before,
        after=given.after,
        last=given.last,
    )
    if given.json:
        output.as_json(events)
        return 0
    rows = [(e.seq, e.at[:19], output.escape(e.by), e.kind, output.escape(_short(e.key)), e.seal[:12]) for e in events]
    screen.print(output.table((">seq", "at (UTC)", "by", "kind", "key", "seal"), rows))
    return 0


def _short(key: str) -> str:
    """A key with its digests cut to twelve characters, as they are shown everywhere."""
    return _DIGEST.sub(r"\1", key)
