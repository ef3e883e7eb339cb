"""How results look in a notebook: small tables, without a script or a style sheet, in the notebook's own colours.

Every text is escaped: names, reasons and values come from people and data.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

from arkwright.api.build import Again
from arkwright.api.decide import Why
from arkwright.catalog.pages import Page
from arkwright.core.nouns import Dataset, Decision, Endpoint, Finding, Model, Release, Run
from arkwright.core.rules import Judgement
from arkwright.core.visible import visible
from arkwright.data.profile.types import Cell, ColumnProfile, Profile
from arkwright.line.line import Outcome, Result

MOST_ROWS, LONGEST = 200, 500
# as readable on white as on black; the word says it too
_GREEN, _RED, _AMBER = "#1a8a45", "#df3b3b", "#a87000"
_VERDICTS = {"kept": ("✓", _GREEN), "broken": ("✗", _RED), "unproven": ("?", _AMBER)}
_CELL = "text-align:{};padding:2px 10px 2px 0;vertical-align:top;background:transparent"
_DIM = "opacity:.7"
_PLAIN = (
    "border-collapse:collapse;color:inherit;font-size:inherit"  # where the page has old manners, tables inherit little
)
Rows = Sequence[Sequence[str]]


def attach() -> None:
    """Give each of these classes the method that notebooks ask for (`_repr_html_`)."""
    for kind, draw in _DRAWN.items():
        kind._repr_html_ = draw


def _text(value: object) -> str:
    shown = " ".join(visible(str(value)).split())
    return escape(shown if len(shown) <= LONGEST else shown[:LONGEST] + " …")


def _code(value: object) -> str:
    return f"<code>{_text(value)}</code>"


def _number(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _text(value)
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.4g}"


def _bold(text: str, colour: str) -> str:
    return f'<b style="color:{colour}">{text}</b>'


def _table(head: Sequence[str], rows: Rows) -> str:
    """`head`: names of columns, one with > in front stands to the right; `rows`: cells that are HTML already."""
    sides = ["right" if name.startswith(">") else "left" for name in head]
    lines = [
        f'<th scope="col" style="{_CELL.format(s)}">{n.removeprefix(">")}</th>'
        for n, s in zip(head, sides, strict=True)
    ]
    made = [f"<thead><tr>{''.join(lines)}</tr></thead><tbody>"]
    for row in rows[:MOST_ROWS]:
        cells = [f'<td style="{_CELL.format(side)}">{cell}</td>' for cell, side in zip(row, sides, strict=True)]
        made.append(f"<tr>{''.join(cells)}</tr>")
    more = f"<p>… and {len(rows) - MOST_ROWS} more</p>" if len(rows) > MOST_ROWS else ""
    return f'<table style="{_PLAIN}">{"".join(made)}</tbody></table>{more}'


def _facts(title: str, facts: Iterable[tuple[str, str]]) -> str:
    rows = [(f'<span style="{_DIM}">{name}</span>', text) for name, text in facts if text]
    cells = "".join(
        f'<tr><td style="{_CELL.format("left")}">{a}</td><td style="{_CELL.format("left")}">{b}</td></tr>'
        for a, b in rows
    )
    return f'<div><p><b>{title}</b></p><table style="{_PLAIN}"><tbody>{cells}</tbody></table></div>'


def _findings(found: Iterable[Finding], unmeasured: Iterable[str] = ()) -> str:
    rows = [_finding_row(finding) for finding in found]
    rows += [(_code(promise), "–", "–", "–", _bold("not measured", _AMBER), "") for promise in unmeasured]
    return _table(("promise", ">found", "95 % interval", ">rows", "verdict", ""), rows)


def _finding_row(f: Finding) -> tuple[str, ...]:
    exact = f.low is None or f.high is None or f.low == f.high == f.value
    interval = "–" if exact else f"{_number(f.low)} … {_number(f.high)}"
    more = f"about {f.more_rows:,} more rows would settle it" if f.more_rows else ""
    note = _text("; ".join(part for part in (f.note, more) if part))
    return _code(f.promise), _number(f.value), interval, _number(f.n), _verdict(f), note


def _verdict(finding: Finding) -> str:
    sign, colour = _VERDICTS.get(finding.verdict, ("", _AMBER))
    return _bold(f"{sign} {_text(finding.verdict)}", colour)


def finding(self: Finding) -> str:
    return f"<div><p>{_code(self.subject)}</p>{_findings([self])}</div>"


def judgement(self: Judgement) -> str:
    """The gate: each sentence with what was found, who signed, and what is missing."""
    passed = _bold("✓ passes its gate", _GREEN) if self.passed else _bold("✗ does not pass its gate", _RED)
    if self.promises_kept and self.unsigned and not self.refusals:
        passed = _bold("✓ keeps every promise, and waits for signatures", _AMBER)
    rows = [
        (_text(d.role), _text(d.by), "proven" if d.proven else "declared", _text(d.reason)) for d in self.signatures
    ]
    rows += [(_text(role), "–", "", "") for role in self.unsigned]
    signed = _table(("signature as", "by", "", "reason"), rows) if rows else ""
    refused = "".join(f"<p>{_text(d.by)} refused as {_text(d.role)}: {_text(d.reason)}</p>" for d in self.refusals)
    return f"<div><p>{passed}</p>{_findings(self.findings, self.unmeasured)}{signed}{refused}</div>"


def why(self: Why) -> str:
    head = f"<p>{_code(self.release.ref)} at the gate {_code(self.release.gate.name)}</p>"
    return f"<div>{head}{judgement(self.judgement)}</div>"


def outcome(self: Outcome) -> str:
    if self.release is None or self.judgement is None:
        return f"<div><p>{_code(self.model.ref)} is released nowhere</p>{_findings(self.findings)}</div>"
    return why(Why(self.release, self.judgement))


def result(self: Result) -> str:
    """A walk: what was made, and each model at its gate."""
    good = self.problem is None
    head = _bold("✓ every promise is kept", _GREEN) if good else _bold("✗ not every promise is kept", _RED)
    rows = [(_code(d.ref), _number(d.rows), _number(d.quarantined)) for d in self.datasets.values()]
    made = _table(("dataset", ">rows", ">quarantined"), rows)
    about_data = [f for f in self.findings if f.subject.startswith("dataset:")]
    data = f"<details{'' if good else ' open'}><summary>promises about data</summary>{_findings(about_data)}</details>"
    models = "".join(outcome(one) for one in self.outcomes.values())
    return f"<div><p>{_code(self.run.ref)}: {head}</p>{made}{data if about_data else ''}{models}</div>"


def run(self: Run) -> str:
    state, by, started, took, made = _ran(self)
    facts = [("state", state), ("by", by), ("started", started), ("took", took)]
    return _facts(
        _text(self.ref), [*facts, ("seed", str(self.seed)), ("made", made), ("error", _text(self.error or ""))]
    )


def _ran(self: Run) -> tuple[str, ...]:
    """Its state, author, start, how long it took, and what it made."""
    took = f"{sum(self.seconds.values()):.1f} s" if self.seconds else ""
    made = ", ".join(_code(ref) for ref in self.made)
    return _text(self.state), _text(self.author), _text(self.started), took, made


def page(self: Page[Any]) -> str | None:
    """A list of runs. Other lists have no picture: notebooks show their text."""
    if not self.items or not all(isinstance(one, Run) for one in self.items):
        return None
    rows = [(_code(one.ref), *_ran(one)) for one in self.items]
    more = f"<p>… and more, after={_code(self.next)}</p>" if self.next else ""
    return f"<div>{_table(('run', 'state', 'by', 'started', '>took', 'made'), rows)}{more}</div>"


def dataset(self: Dataset) -> str:
    rows = [(_code(c.name), _text(c.type), "may be missing" if c.nullable else "") for c in self.columns]
    said = f"{self.rows:,} rows, {self.quarantined:,} in quarantine"
    facts = _facts(_text(self.ref), [("", said), ("made by", _code(self.run)), ("bytes", _code(self.digest[:16]))])
    return f"<div>{facts}{_table(('column', 'type', ''), rows)}</div>"


def model(self: Model) -> str:
    facts = [(_text(name), _number(value)) for name, value in sorted(self.facts.items())]
    parent = _code(self.parent) if self.parent else ""
    first = [("task", _text(self.task)), ("format", _text(self.format)), ("from", parent), ("made by", _code(self.run))]
    return _facts(_text(self.ref), [*first, *facts])


def release(self: Release) -> str:
    gate = f"{_code(self.gate.name)}: {', '.join(_code(promise) for promise in self.gate.promises)}"
    signed = ", ".join(_text(role) for role in self.gate.signed_by)
    facts = [("model", _code(self.model)), ("author", _text(self.author)), ("gate", gate), ("signed by", signed)]
    return _facts(_text(self.ref), [*facts, ("bytes", _code(self.digest[:16]))])


def endpoint(self: Endpoint) -> str:
    rows = [(_code(ref), f"{share:.4g}") for ref, share in self.shares.items()]
    rows += [(_code(ref), "shadow") for ref in self.shadows]
    return f"<div><p><b>{_text(self.ref)}</b> {_text(self.reason)}</p>{_table(('release', '>share'), rows)}</div>"


def decision(self: Decision) -> str:
    said = _bold("✓ Yes", _GREEN) if self.yes else _bold("✗ No", _RED)
    how = "proven" if self.proven else "declared, not proven"
    facts = [("by", f"{_text(self.by)} as {_text(self.role)} ({how})"), ("reason", _text(self.reason))]
    return _facts(f"{said} to {_text(self.release)}", facts)


def again(self: Again) -> str:
    head = _bold("✓ the same bytes again", _GREEN) if self.same else _bold("✗ other bytes than then", _RED)
    names = sorted({*self.then, *self.now})
    rows = [(_code(name), _digest(self.then.get(name)), _digest(self.now.get(name))) for name in names]
    return f"<div><p>{_code(self.run)}: {head}</p>{_table(('what', 'then', 'now'), rows)}</div>"


def _digest(text: str | None) -> str:
    return _code(text[:16]) if text else "–"


def profile(self: Profile) -> str:
    """A dataset in small pictures."""
    sample = f", distinct and spread of a sample of {self.sampled:,}" if self.sampled is not None else ""
    head = f"<p><b>{self.rows:,} rows × {len(self.columns)} columns</b>{sample}</p>"
    rows = [_column(column, self.rows) for column in self.columns]
    return f"<div>{head}{_table(('column', 'type', '>missing', '>distinct', 'spread', 'values', ''), rows)}</div>"


def _column(column: ColumnProfile, rows: int) -> tuple[str, ...]:
    missing = f"{column.nulls / rows:.1%}" if rows and column.nulls else "0"
    counts = column.histogram.counts if column.histogram else tuple(one.rows for one in column.frequent)
    values = _range(column) or ", ".join(_text(one.value) for one in column.frequent)
    hints = _bold(_text("; ".join(column.hints)), _AMBER) if column.hints else ""
    return _code(column.name), _text(column.type), missing, _number(column.distinct), _bars(counts), values, hints


def _range(column: ColumnProfile) -> str:
    if column.histogram is None or column.smallest is None:
        return ""
    ends: list[Cell | None] = [column.smallest, column.quantiles.get("0.5"), column.largest]
    return " … ".join(_number(end) for end in ends if end is not None)


def _bars(counts: Sequence[int]) -> str:
    """In the colour of the text, whatever that is."""
    top = max(counts, default=0)
    if not top:
        return ""
    heights = [max(1.0, 16 * count / top) if count else 0.0 for count in counts]
    bars = "".join(f'<rect x="{5 * i}" y="{16 - h:.1f}" width="4" height="{h:.1f}"/>' for i, h in enumerate(heights))
    return f'<svg width="{5 * len(counts)}" height="16" fill="currentColor" role="img" aria-label="spread">{bars}</svg>'


_DRAWN: dict[Any, Callable[[Any], str | None]] = {
    Result: result,
    Outcome: outcome,
    Why: why,
    Judgement: judgement,
    Finding: finding,
    Run: run,
    Page: page,
    Dataset: dataset,
    Model: model,
    Release: release,
    Endpoint: endpoint,
    Decision: decision,
    Again: again,
    Profile: profile,
}
