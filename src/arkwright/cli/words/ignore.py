"""`arkwright ignore`."""

import argparse

from arkwright.api.ignoring import ignore
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("advisory", help="its OSV id or another of its names, such as CVE-2018-18074")
    parser.add_argument("--for", dest="lasts", metavar="SPAN", help="how long, such as 90d; at most a year")
    parser.add_argument("--reason", default="", help="why; it goes on record, and stands wherever it is not counted")
    parser.add_argument("--off", action="store_true", help="it counts again from now on")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    words = {"advisory": given.advisory, "reason": given.reason, "lasts": given.lasts, "off": given.off}
    made = ignore(site, actor, project, **words)
    if given.json:
        output.as_json(made)
    elif given.off:
        output.console().print(f"[green]✓[/] {output.escape(made.name)} counts again")
    else:
        output.console().print(f"[green]✓[/] {output.escape(made.name)} does not count until {made.until[:16]} UTC")
    return 0
