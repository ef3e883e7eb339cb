"""Runs side by side: everything that they say of themselves, and the code that each ran."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from arkwright.api.walked import Value, Walked, source, walked
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Actor, Dataset, Run
from arkwright.sites import Site

MOST = 20  # runs at once
LONGEST = 200_000  # characters of one file that are compared line by line


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing, as each run has it; None where a run has none. `about`: a key of `_ABOUT`, or promise."""

    about: str
    what: str
    values: tuple[Value | None, ...]
    verdicts: tuple[str | None, ...] = ()  # of a promise
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file of the code that is another one than in the first run; `diff` is unified."""

    run: str
    path: str
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every fact of every run, in the order of `runs`; code against that of the first."""

    runs: tuple[str, ...]
    facts: tuple[Fact, ...]
    code: tuple[Change, ...]


def compare(site: Site, by: Actor, project: Path, *, runs: tuple[str, ...]) -> Comparison:
    """Two to twenty runs side by side. Raises Unknown; Invalid for fewer or more."""
    if not 2 <= len(runs) <= MOST:
        raise Invalid(f"2 to {MOST} runs are compared, not {len(runs)}")
    found = [walked(site, by, project, run=run) for run in runs]
    if len({one.run.ref for one in found}) < len(found):
        raise Invalid("a run is compared with others, not with itself; name each once")
    facts = [fact for about, said in _ABOUT.items() for fact in _facts(about, [dict(said(one)) for one in found])]
    facts += _promises(found)
    return Comparison(runs=tuple(one.run.ref for one in found), facts=tuple(facts), code=tuple(_changes(site, found)))


def _run(one: Walked) -> Iterator[tuple[str, Value]]:
    run = one.run
    yield "state", run.state
    yield "by", run.author
    yield "started", run.started
    yield "seconds of work", round(sum(run.seconds.values()), 4)
    yield "code", run.code
    yield "packages", run.lock


def _data(one: Walked) -> Iterator[tuple[str, Value]]:
    for noun in one.artifacts:
        if isinstance(noun, Dataset):
            yield noun.name, noun.ref
            yield f"{noun.name}: bytes", noun.digest


_ABOUT: Mapping[str, Callable[[Walked], Iterable[tuple[str, Value]]]] = {
    "run": _run,
    "parameter": lambda one: one.parameters.items(),
    "metric": lambda one: one.metrics.items(),
    "data": _data,
    "time": lambda one: ((step.name, step.seconds) for step in one.steps),
}


def _facts(about: str, columns: list[Mapping[str, Value]]) -> Iterator[Fact]:
    for what in dict.fromkeys(word for column in columns for word in column):
        values = tuple(column.get(what) for column in columns)
        yield Fact(about=about, what=what, values=values, differs=len(set(values)) > 1)


def _promises(found: list[Walked]) -> Iterator[Fact]:
    columns = [{f"{f.subject.partition('@')[0]}: {f.promise}": f for f in one.findings} for one in found]
    for what in dict.fromkeys(word for column in columns for word in column):
        each = [column.get(what) for column in columns]
        values = tuple(f.value if f else None for f in each)
        verdicts = tuple(f.verdict if f else None for f in each)
        differs = len(set(zip(values, verdicts, strict=True))) > 1
        yield Fact(about="promise", what=what, values=values, verdicts=verdicts, differs=differs)


def _changes(site: Site, found: list[Walked]) -> Iterator[Change]:
    first = found[0]
    for other in found[1:]:
        for path in sorted({*first.files, *other.files}):
            if first.files.get(path) != other.files.get(path):
                before, after = _text(site, first, path), _text(site, other, path)
                yield Change(run=other.run.ref, path=path, diff=_diff(path, first.run, before, other.run, after))


def _text(site: Site, one: Walked, path: str) -> str | None:
    """None where the bytes are gone; empty where the run had no such file."""
    try:
        return source(site, one.run, path) if path in one.files else ""
    except ArkwrightError:
        return None


def _diff(path: str, first: Run, before: str | None, other: Run, after: str | None) -> str:
    if before is None or after is None:
        return f"the bytes of {path} are not here any more"
    if max(len(before), len(after)) > LONGEST:
        return f"{path} is too long to be compared line by line"
    lines = (before.splitlines(), after.splitlines())
    return "\n".join(difflib.unified_diff(*lines, f"{first.ref}/{path}", f"{other.ref}/{path}", lineterm=""))
