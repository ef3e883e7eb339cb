"""An alarm as a terminal shows it, with what was done about it."""

from collections.abc import Iterator

from arkwright.api.watch.alarms import RAISED, Alarmed
from arkwright.cli import output
from arkwright.core.rules import alarmed

TONES = {"done": "green", "begun": "green", "refused": "red", "dry-run": "yellow", "withheld": "yellow"}


def lines(one: Alarmed) -> Iterator[str]:
    alarm = one.alarm
    stands = "[bold red]stands[/]" if one.state == RAISED else f"[green]{one.state}[/] {(one.ended or '')[:16]}"
    yield f"{output.escape(alarm.ref)} {stands}, raised {one.raised[:16]}: {output.escape(alarm.breaker)}"
    yield f"  {output.escape(alarm.promise)}: {output.escape(alarmed(alarm))}"
    for cause in alarm.causes:
        yield f"  why: {output.escape(cause)}"
    if alarm.rows:
        yield f"  rows: {output.escape(alarm.rows)}"
    for done in one.reactions:
        yield f"  [{TONES[done.outcome]}]{done.do}[/] {done.outcome}: {output.escape(done.says)}"
