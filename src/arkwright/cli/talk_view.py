"""A discussion in a terminal."""

from arkwright.cli.output import escape
from arkwright.collaborate.threads import Remark, Thread


def thread(one: Thread) -> str:
    """Markup: who said what when, the accepted answer marked."""
    state = "" if not one.question else "  [green]answered[/]" if one.answered else "  [yellow]open question[/]"
    lines = [f"[bold]{one.id}[/]  {escape(one.about)}{state}"]
    for remark in one.remarks:
        lines.append(f"  [dim]{remark.id}  {escape(remark.by)}  {remark.at[:16]}{_facts(remark)}[/]")
        text = "(deleted)" if remark.deleted else remark.text
        lines += [f"      {line}" for line in escape(text).split("\n")]
    return "\n".join(lines)


def _facts(remark: Remark) -> str:
    edited = "" if remark.deleted or not remark.edits else "  edited"
    accepted = "  the answer" if remark.accepted else ""
    helpful = f"  helpful to {len(remark.helpful)}" if remark.helpful else ""
    return edited + accepted + helpful
