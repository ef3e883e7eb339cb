"""`arkwright reproduce`."""

import argparse

from arkwright.api.endpoints.reproduced import Once, reproduce
from arkwright.cli import context, output
from arkwright.core.errors import Corrupt


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("id", help="of the request, as its answer said")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    with output.progress(quiet=given.json) as say:
        found = reproduce(site, actor, project, endpoint=given.endpoint, id=given.id, say=say)
    if given.json:
        output.as_json(found)
        return 0 if found.same else Corrupt.exit_code
    screen = output.console()
    screen.print(
        output.table((">row", "release", "what", "then", "now"), [row for one in found.rows for row in _rows(one)])
    )
    for one in found.rows:
        if one.why:
            screen.print(f"[yellow]row {one.row} cannot be computed again:[/] {output.escape(one.why)}")
        elif one.tie:
            screen.print(f"[yellow]row {one.row} is a tie:[/] the label of then and that of now are as likely")
        elif not one.same:
            by = "in what is no number" if one.off is None else f"by {one.off:.3g}"
            screen.print(f"[bold red]✗[/] row {one.row} is off {by}")
    if found.same:
        most = max((one.off or 0.0 for one in found.rows), default=0.0)
        screen.print("[green]✓[/] computed again, and the same" + (f", within {most:.3g}" if most else ""))
    return 0 if found.same else Corrupt.exit_code


def _rows(one: Once) -> list[tuple[str, ...]]:
    words = list(dict.fromkeys([*one.then, *(one.now or {})])) or [""]
    first = [(str(one.row), one.release), *[("", "")] * (len(words) - 1)]
    told = [(word, output.number(one.then.get(word)), output.number((one.now or {}).get(word))) for word in words]
    return [(*left, *right) for left, right in zip(first, told, strict=True)]
