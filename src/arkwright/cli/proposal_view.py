"""A proposal in a terminal."""

from arkwright.api.promising.proposed import Proposed
from arkwright.cli.output import escape

_TONES = {"open": "yellow", "accepted": "green", "applied": "green", "committed": "green", "refused": "red"}


def one(it: Proposed) -> str:
    """Markup: what is proposed, in plain words too, and what became of it."""
    p, tone = it.proposal, _TONES.get(it.state, "dim")
    lines = [
        f"[bold]{p.id}[/]  {p.section}.{escape(p.name)}  [{tone}]{it.state}[/]  [dim]{escape(p.by)}, {it.at[:16]}[/]"
    ]
    for sign, text, words in (("-", p.before, it.now), ("+", p.after, it.then)):
        if text is not None:
            lines += [f"  {sign} {escape(text)}", f"    [dim]{escape(words)}[/]"]
    lines.append(f"  why: {escape(p.reason)}")
    if p.reviewer:
        lines.append(f"  {escape(p.reviewer)} ({escape(p.role)}): {escape(p.answer)}")
    if p.commit:
        lines.append(f"  commit {p.commit[:12]}")
    if it.why:
        lines.append(f"  [yellow]{escape(it.why)}[/]")
    return "\n".join(lines)
