"""How words answer: tables for people, JSON for programs."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec
from rich import markup
from rich.console import Console
from rich.table import Table

from arkwright.core.nouns import Finding

escape = markup.escape  # what people and data say is text, never markup
VERDICTS = {"kept": "[green]kept[/]", "broken": "[bold red]broken[/]", "unproven": "[yellow]unproven[/]"}


class Say(Protocol):
    def __call__(self, text: str, /) -> None: ...


def console() -> Console:
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def as_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2).decode() + "\n")


@contextmanager
def progress(*, quiet: bool) -> Iterator[Say]:
    """What is being done right now, on standard error: a spinner in a terminal, a line each elsewhere."""
    if quiet:
        yield lambda _text: None
        return
    err = Console(stderr=True, highlight=False)
    if not err.is_terminal:
        yield lambda text: err.print(f"· {escape(text)}")
        return
    with err.status("starting") as status:
        yield lambda text: status.update(escape(text))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None) -> Table:
    """A plain table; cells that are already markup pass through."""
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
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return escape(str(value))


def findings(found: Iterable[Finding], *, title: str | None = None) -> Table:
    """The gate as a list of sentences: what was promised, what was found, its interval and the verdict."""
    rows = []
    for f in found:
        exact = f.low is None or f.high is None or f.low == f.high == f.value
        interval = "" if exact else f"{number(f.low)} … {number(f.high)}"
        more = f"about {f.more_rows:,} more rows would settle it" if f.more_rows else ""
        note = escape("; ".join(text for text in (f.note, more) if text))
        rows.append((escape(f.promise), number(f.value), interval, VERDICTS[f.verdict], note))
    return table(("promise", ">found", "95 % interval", "verdict", "note"), rows, title=title)
