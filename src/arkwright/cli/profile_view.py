"""A profile as a table with a small picture for each column; made for 80 characters."""

from collections.abc import Iterator, Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from arkwright.data.profile.types import Cell, ColumnProfile, Profile

_BARS = "▁▂▃▄▅▆▇█"
_WIDTHS = {"type": 8, "null": 4, "distinct": 8, "spread": 20}
_NAME, _VALUES = 16, 12
_STYLES = {"type": "dim", "spread": "cyan"}
_SIDES: dict[str, Literal["left", "right"]] = {"null": "right", "distinct": "right"}
_SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def render(profile: Profile) -> RenderableType:
    """What `arkwright profile` shows: a line per column, and below what looks odd."""
    return _View(profile)


class _View:
    """Only the last column gives way when the screen is narrow, which rich's tables cannot be told."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        profile = self._profile
        name = min(_NAME, max([6, *(len(column.name) for column in profile.columns)]))
        values = max(_VALUES, options.max_width - name - sum(_WIDTHS.values()) - len(_WIDTHS) - 1)
        table = Table(box=SIMPLE_HEAD, padding=0, pad_edge=False, header_style="bold", show_edge=False)
        table.add_column("column", width=name, overflow="ellipsis", no_wrap=True)
        for title, width in _WIDTHS.items():
            table.add_column(
                title, width=width, justify=_SIDES.get(title, "left"), no_wrap=True, style=_STYLES.get(title)
            )
        table.add_column("values", width=values, overflow="ellipsis", no_wrap=True)
        for column in profile.columns:
            null = Text(_share(column.nulls, profile.rows), style="yellow" if column.nulls else "dim")
            distinct = "" if column.distinct is None else _short(column.distinct)
            kind, values_ = Text(column.type), Text(_plain(_values(column)))
            table.add_row(Text(_plain(column.name)), kind, null, distinct, _picture(column), values_)
        yield _title(profile)
        yield ""
        yield table
        yield ""
        yield from _odd(profile.columns)


def bars(counts: Sequence[int], best: int | None = None) -> str:
    """One block per count, as high as its share of the largest (or of `best`); a blank where nothing is."""
    top = best or max(counts, default=0)
    return "".join(" " if not n else _BARS[min(len(_BARS) - 1, (n * len(_BARS) - 1) // top)] for n in counts)


def _title(profile: Profile) -> Text:
    size = f"{profile.bytes / 1e6:,.1f} MB" if profile.bytes >= 1e6 else f"{profile.bytes / 1e3:,.1f} kB"
    text = Text(f"{profile.rows:,} rows × {len(profile.columns)} columns, {size}", style="bold")
    if profile.sampled is not None:
        text.append(f"; distinct, spread and frequent values are of a sample of {profile.sampled:,} rows", "yellow")
    return text


def _picture(column: ColumnProfile) -> str:
    if column.histogram is not None:
        return bars(column.histogram.counts)
    return bars([frequent.rows for frequent in column.frequent])


def _values(column: ColumnProfile) -> str:
    """Smallest … middle … largest of what has an order that says something, else the most frequent."""
    if column.histogram is None:
        if column.frequent:
            return ", ".join(_cell(frequent.value) for frequent in column.frequent)
        return "" if column.smallest is None else f"{_cell(column.smallest)} … {_cell(column.largest)}"
    if column.smallest == column.largest:
        return _cell(column.smallest)
    middle = [] if isinstance(column.smallest, str) else [_cell(column.quantiles["0.5"])]
    return " … ".join([_cell(column.smallest), *middle, _cell(column.largest)])


def _odd(columns: Sequence[ColumnProfile]) -> Iterator[Text]:
    for column in columns:
        if column.hints:
            yield Text.assemble(("! ", "yellow"), (_plain(column.name), "bold"), ": ", _plain(", ".join(column.hints)))


def _cell(value: Cell | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _short(value)
    text = "" if value is None else value
    return text[:10] if _is_moment(text) else text


def _plain(text: str) -> str:
    """Data must not steer the terminal."""
    return "".join(c if c.isprintable() else "·" for c in text)


def _is_moment(text: str) -> bool:
    return len(text) > 10 and text[4:5] == text[7:8] == "-" and text[10] == "T"


def _short(number: float) -> str:
    """At most four figures that matter: 336k, 0.1234, 1301."""
    if abs(number) < 10_000:
        return str(number) if isinstance(number, int) else f"{number:.4g}"
    scale, letter = next(((s, word) for s, word in _SCALES if abs(number) >= 0.9995 * s), (1.0, ""))
    shown = number / scale
    return f"{shown:.0f}{letter}" if abs(shown) >= 99.95 else f"{shown:.3g}{letter}"


def _share(part: int, whole: int) -> str:
    if not part or not whole:
        return "0%"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.1f}%" if percent >= 0.1 else "<.1%"
