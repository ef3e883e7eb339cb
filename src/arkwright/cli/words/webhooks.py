"""`arkwright webhooks`."""

import argparse
import time

from arkwright.api.hooks import Delivery, webhooks
from arkwright.cli import context, output


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
    for one in found:
        if one.dead:
            last = one.dead[-1]
            said = f"{one.name}: {len(one.dead)} messages were given up, the last of event {last.seq}: {last.why}"
            screen.print(f"[bold red]✗[/] {output.escape(said)}\n  next: arkwright webhook {one.name} --again")
    return 0


def _how(one: Delivery) -> str:
    if one.off:
        return f"[bold red]off[/]: {output.escape(one.last)}; next: arkwright webhook {one.name} --again"
    if not one.last:
        return "nothing yet"
    text = output.escape(f"{one.last} ({one.last_at[:16]} UTC)")
    if one.tries:
        wait = max(0, round(one.next_try - time.time()))
        text += f"; tried {one.tries} times, again in {wait} s"
    return text
