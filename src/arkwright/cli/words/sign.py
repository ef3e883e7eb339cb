"""`arkwright sign`."""

import argparse

from arkwright.api.decide import judgement, sign
from arkwright.cli import context, output
from arkwright.core import versions
from arkwright.core.nouns import Release


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", help="such as late or late@3")
    parser.add_argument("--reason", default="", help="what convinced you")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    decision = sign(site, actor, project, release=given.release, reason=given.reason)
    if given.json:
        output.as_json(decision)
        return 0
    release = versions.resolve(site.ledger, Release, decision.release)
    now = judgement(site, release)
    screen = output.console()
    said = f"[green]✓[/] {output.escape(decision.by)} signed {decision.release} as {decision.role}"
    screen.print(f"{said} ({'proven' if decision.proven else 'declared, not proven'}), digest {decision.digest[:12]}")
    which = f"{release.name}@{release.version}"
    if now.passed:
        screen.print(f"  every promise is kept and every role has signed; next: arkwright promote {which}")
    else:
        screen.print(f"  still missing: {output.escape('; '.join(now.missing))}")
    return 0
