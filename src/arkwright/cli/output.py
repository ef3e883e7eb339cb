"""How words answer: tables for people, JSON for programs. What draws tables is imported where one is drawn."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from arkwright.core.visible import visible

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.table import Table

    from arkwright.core.nouns import Finding
    from arkwright.optimize.table import Measured

VERDICTS = {"kept": "[green]kept[/]", "broken": "[bold red]broken[/]", "unproven": "[yellow]unproven[/]"}


def escape(text: str) -> str:
    """Text from data or people as it is safe to show: no markup, nothing that moves a cursor or turns letters round."""
    from rich.markup import escape as plain

    return plain(visible(text))


def because(what: str, reason: str) -> str:
    """What somebody did, in markup, and their own words for it, where they gave any."""
    return f"{what}: {escape(reason)}" if reason else what


class Say(Protocol):
    def __call__(self, text: str, /) -> None: ...


class Plain(Protocol):
    def __call__(self, promise: str, /) -> str: ...


def console() -> "Console":
    """A terminal as wide as it is; a file or a pipe gets lines of 120."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() else 120
    return Console(highlight=False, soft_wrap=wide is not None, width=wide)


def as_json(value: Any, *, in_order: bool = False) -> None:
    """One JSON document on standard output; the keys sorted, or in the order that they have."""
    made = msgspec.json.encode(value, order=None if in_order else "deterministic")
    sys.stdout.write(msgspec.json.format(made, indent=2).decode() + "\n")


@contextmanager
def progress(*, quiet: bool) -> Iterator[Say]:
    """What is being done right now, on standard error: a spinner in a terminal, a line each elsewhere."""
    if quiet:
        yield lambda _text: None
        return
    from rich.console import Console

    err = Console(stderr=True, highlight=False)
    if not err.is_terminal:
        yield lambda text: err.print(f"· {escape(text)}", soft_wrap=True)
        return
    with err.status("starting") as status:
        yield lambda text: status.update(escape(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> "Table":
    """A plain table; cells that are already markup pass through."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    for column in columns:
        right = column.startswith(">")
        made.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, str) else number(cell) for cell in row))
    return made


def number(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        if not isfinite(value):
            return str(value)
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return escape(str(value))


def findings(found: "Iterable[Finding]", *, title: str | None = None, plain: Plain | None = None) -> "Table":
    """The gate as a list of sentences: what was promised, what was found, its interval and the verdict.

    `plain`: says a promise in plain words, which stand below it.
    """
    rows: list[tuple[str, ...]] = []
    for f in found:
        exact = f.low is None or f.high is None or f.low == f.high == f.value
        interval = "" if exact else f"{number(f.low)} … {number(f.high)}"
        more = f"about {f.more_rows:,} more rows would settle it" if f.more_rows else ""
        note = escape("; ".join(text for text in (f.note, more) if text))
        about = f.subject.partition(":")[2].partition("@")[0]
        words = f"\n[dim]{escape(plain(f.promise))}[/]" if plain else ""
        rows.append((about, escape(f.promise) + words, number(f.value), interval, VERDICTS[f.verdict], note))
    head: tuple[str, ...] = ("of", "promise", ">found", "95 % interval", "verdict", "note")
    if len({row[0] for row in rows}) < 2:
        head, rows = head[1:], [row[1:] for row in rows]
    return table(head, rows, title=title)


def candidates(measured: "Measured") -> "Group":
    """Every form in which a model could be served, what each costs, and why one was chosen."""
    from rich.console import Group

    rows, reasons = [], []
    for c in measured.candidates:
        scores = [g.score for g in c.groups if g.score is not None]
        cells = [number(c.score), f"{number(min(scores))} … {number(max(scores))}" if scores else "–"]
        cells += [f"{c.agreement:.3%}", number(c.p50_ms), number(c.p99_ms), number(c.size_bytes / 1e6)]
        name = f"[bold green]{escape(c.name)}[/]" if c.chosen else escape(c.name)
        rows.append((name, *(cells if c.size_bytes else ("–",) * len(cells))))
        reasons.append(f"  {'[green]✓[/]' if c.chosen else '·'} {name}: {escape(c.why)}")
    score = escape(measured.score)
    head = ("served as", f">{score}", "by group", ">agrees", ">p50 ms", ">p99 ms", ">MB")
    return Group(table(head, rows, title="candidates, on the held-out rows"), *reasons)
