"""`arkwright ledger`."""

import argparse
import re

from arkwright.api.look import ledger
from arkwright.cli import context, output

_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=("list", "verify", "head"), default="list")
    parser.add_argument("--against", metavar="HEAD", help="with verify: a head noted earlier and kept elsewhere")
    parser.add_argument("--last", type=int, default=20, help="how many events to list")
    parser.add_argument("--kind", help="only events of this kind")
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
    events = ledger(site, actor, project, last=given.last, kind=given.kind)
    if given.json:
        output.as_json(events)
        return 0
    rows = [(e.seq, e.at[:19], output.escape(e.by), e.kind, output.escape(_short(e.key)), e.seal[:12]) for e in events]
    screen.print(output.table((">seq", "at (UTC)", "by", "kind", "key", "seal"), rows))
    return 0


def _short(key: str) -> str:
    """A key with its digests cut to twelve characters, as they are shown everywhere."""
    return _DIGEST.sub(r"\1", key)
