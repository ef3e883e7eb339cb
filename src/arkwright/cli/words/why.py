"""`arkwright why`."""

import argparse

from arkwright.api.decide import why
from arkwright.cli import context, output
from arkwright.measures.words import sentence


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", help="such as late or late@3")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    release, now = why(site, actor, project, release=given.release)
    if given.json:
        words = {promise: sentence(promise) for promise in release.gate.promises}
        told = {"release": release.ref, "passed": now.passed, "missing": now.missing, "judgement": now, "words": words}
        output.as_json(told)
        return 0
    screen = output.console()
    screen.print(output.findings(now.findings, title=f"{release.ref} at the gate {release.gate.name}", plain=sentence))
    screen.print()
    rows = [(d.role, output.escape(d.by), "proven" if d.proven else "declared", d.reason) for d in now.signatures]
    rows += [(role, "–", "", "") for role in now.unsigned]
    if rows:
        screen.print(output.table(("signature as", "by", "", "reason"), rows))
        screen.print()
    if now.passed:
        screen.print(f"[green]✓[/] {release.ref} may be deployed: arkwright promote {release.name}@{release.version}")
    else:
        screen.print(f"[bold red]✗[/] {release.ref} may not be deployed, because:")
        for line in now.missing:
            screen.print(f"  · {output.escape(line)}")
    return 0
