"""A run as Markdown, for a comment on the change that it was made of. What people or data wrote stands in code spans,
where it is text and calls nobody.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from arkwright.cli.output import number
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Finding
from arkwright.core.visible import visible
from arkwright.line.line import Outcome, Result

MOST_ROWS, LONGEST_CELL = 150, 300  # a comment has at most 65,536 characters
_VERDICTS = {"kept": "✓ kept", "broken": "**✗ broken**", "unproven": "**? unproven**"}


def write(path: Path, lines: Iterable[str]) -> None:
    """Raises Invalid for a file that cannot be written."""
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {(error.strerror or '').lower()}") from None


def failed(error: ArkwrightError) -> Iterator[str]:
    """Of a run that raised: nothing was measured, or not everything."""
    yield from ("### ✗ The line could not be walked", "", *fenced(str(error)))


def of(result: Result) -> Iterator[str]:
    """The gate's table of each release, then the data's, with what is still missing."""
    kept = result.problem is None
    run, seconds = result.run, sum(result.run.seconds.values())
    yield f"### {'✓ Every promise is kept' if kept else '✗ Not every promise is kept'}"
    yield ""
    yield f"{span(run.ref)} by {span(run.author)}, seed {run.seed}, {seconds:.1f} s"
    for outcome in result.outcomes.values():
        yield from _outcome(outcome)
    about_data = [finding for finding in result.findings if finding.subject.startswith("dataset:")]
    if about_data:
        broken = sum(finding.verdict != "kept" for finding in about_data)
        said = f"{broken} of {len(about_data)} not kept" if broken else f"all {len(about_data)} kept"
        yield from ("", f"<details{' open' if broken else ''}><summary>Promises about data: {said}</summary>", "")
        yield from table(about_data, about=True)
        yield from ("", "</details>")


def _outcome(outcome: Outcome) -> Iterator[str]:
    release, judgement = outcome.release, outcome.judgement
    if release is None or judgement is None:
        yield from ("", f"No endpoint asks for {span(outcome.model.ref)}, so nothing is released.")
        return
    yield from ("", f"#### {span(release.ref)} at the gate {span(release.gate.name)}", "")
    yield from table(judgement.findings)
    yield from (f"| {span(promise)} | – | – | – | **not measured** |" for promise in judgement.unmeasured)
    yield ""
    if not judgement.promises_kept:
        yield "It is refused: nothing moves to it."
    elif judgement.unsigned:
        yield f"It waits for a signature as {' and '.join(span(role) for role in judgement.unsigned)}."
    else:
        yield "It passed its gate."
    yield f"Bytes: {span(release.digest)}"


def table(found: Iterable[Finding], *, about: bool = False) -> Iterator[str]:
    """What was promised, what was found, its interval and the verdict; what is not kept comes first where it is cut."""
    rows = list(found)
    if len(rows) > MOST_ROWS:
        rows = sorted(rows, key=lambda finding: finding.verdict == "kept")
    yield f"|{' of |' if about else ''} promise | found | 95 % interval | rows | verdict |"
    yield f"|{'---|' if about else ''}---|---:|---|---:|---|"
    for f in rows[:MOST_ROWS]:
        exact = f.low is None or f.high is None or f.low == f.high == f.value
        interval = "–" if exact else f"{number(f.low)} … {number(f.high)}"
        more = f"about {f.more_rows:,} more rows would settle it" if f.more_rows else ""
        notes = "".join(f"<br>{span(note)}" for note in (f.note, more) if note)
        first = f" {span(f.subject)} |" if about else ""
        cells = (span(f.promise), number(f.value), interval, number(f.n), _VERDICTS[f.verdict] + notes)
        yield f"|{first} {' | '.join(cells)} |"
    if len(rows) > MOST_ROWS:
        yield from ("", f"… and {len(rows) - MOST_ROWS} more")


def span(text: str) -> str:
    """A code span (CommonMark 6.1) that may stand in a table: as many backticks around it as no run in it has."""
    text = " ".join(visible(text).split())
    text = text if len(text) <= LONGEST_CELL else text[:LONGEST_CELL] + " …"
    fence = _fence(text, 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", r"\|")


def fenced(text: str) -> tuple[str, ...]:
    """A block of code that nothing in it ends."""
    fence = _fence(text, 3)
    return (fence, visible(text), fence)


def _fence(text: str, least: int) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(least, longest + 1)
