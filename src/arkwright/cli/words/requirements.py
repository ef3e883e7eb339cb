"""`arkwright requirements`."""

import argparse

from arkwright.api.promising.requirements import requirements
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = requirements(site, actor, project)
    if given.json:
        output.as_json(found)
        return 0
    screen = output.console()
    table = ""
    for one in found:
        if table != f"{one.section}.{one.name}":
            table = f"{one.section}.{one.name}"
            screen.print(f"[bold]{output.escape(table)}[/]")
        verdict = output.VERDICTS[one.finding.verdict] if one.finding else "[dim]not measured[/]"
        value = f", found {output.number(one.finding.value)}" if one.finding else ""
        on = f" on {one.subject}" if one.finding and one.section == "gate" else ""
        screen.print(f"  {output.escape(one.words)}  {verdict}{value}{output.escape(on)}")
        screen.print(f"    [dim]{output.escape(one.promise)}[/]")
    if not found:
        screen.print("nothing is promised yet")
    return 0
