"""`arkwright webhooks`."""

import argparse
import time

from arkwright.api.talking.hooks import Delivery, webhooks
from arkwright.cli import context, output
from arkwright.core.counted import many


def arguments(parser: argparse.ArgumentParser) -> None:
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    found = webhooks(site, actor, project)
    if given.json:
        output.as_json(found)
        return 0
    screen = output.console()
    if not found:
        screen.print("nobody outside is told anything; begin with: arkwright webhook NAME URL")
        return 0
    rows = [(d.name, output.escape(d.to), d.format, ", ".join(d.on), d.waiting, _how(d)) for d in found]
    screen.print(output.table(("name", "told at", "as", "of", ">events behind", "last"), rows))
    for line in (line for one in found for line in _trouble(one)):
        screen.print(line)
    return 0


def _how(one: Delivery) -> str:
    if one.off:
        return "[bold red]off[/]"
    if one.tries or (one.aside and one.last != "told"):
        return "[yellow]waits[/]"
    return "[green]told[/]" if one.last == "told" else "given up" if one.last else "nothing yet"


def _trouble(one: Delivery) -> list[str]:
    again = f"\n  next: arkwright webhook {one.name} --again"
    lines = []
    if one.off:
        lines.append(f"it is told nothing any more: {output.escape(one.last)}{again}")
    elif one.tries:
        wait = round(one.next_try - time.time())
        tried = f"tried {many(one.tries, 'time')}, again {f'in {wait} s' if wait > 0 else 'now'}"
        lines.append(f"{output.escape(one.last)} ({one.last_at[:16]} UTC); {tried}")
    if one.aside:
        newest, count = one.aside[-1], many(len(one.aside), "message waits", "messages wait")
        said = f"{count} while all else goes on, the last for {newest.to}: {newest.why}"
        lines.append(output.escape(said))
    if one.dead:
        last, count = one.dead[-1], many(len(one.dead), "message was", "messages were")
        said = f"{count} given up, the last of event {last.seq}: {last.why}"
        lines.append(output.escape(said) + again)
    return [f"[bold red]✗[/] {one.name}: {line}" for line in lines]
