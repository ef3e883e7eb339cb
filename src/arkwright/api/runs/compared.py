"""Runs side by side: everything that they say of themselves, and the code that each ran."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from arkwright.api.runs import tracked
from arkwright.api.runs.walked import Value, Walked, source, walked
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Actor, Dataset, Finding, Run
from arkwright.sites import Site

ABOUT = ("run", "parameter", "metric", "data", "time")
MOST = 20  # runs at once
LONGEST = 200_000  # characters of one file that are compared line by line


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing, as each run has it; None where a run has none. `about`: a word of `ABOUT`, or promise."""

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
class Lines:
    """A metric over steps, (step, value), of each run; None where it logged none. `ends`: as of `Curve`, for each."""

    what: str
    runs: tuple[tuple[tuple[int, float], ...] | None, ...]
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Every fact of every run, in the order of `runs`; `names`: as people call them; code against that of the first."""

    runs: tuple[str, ...]
    names: tuple[str, ...]
    facts: tuple[Fact, ...]
    curves: tuple[Lines, ...]
    code: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """One run as it is compared, of whichever kind."""

    ref: str
    name: str
    about: Mapping[str, Mapping[str, Value]]
    findings: Mapping[str, Finding]
    curves: Mapping[str, tracked.Curve]
    walked: Walked | None


def compare(site: Site, by: Actor, project: Path, *, runs: tuple[str, ...]) -> Comparison:
    """Two to twenty runs side by side, of the line (`late@3`) or logged by clients (`tracked:ID`).

    Raises Unknown; Invalid for fewer or more.
    """
    if not 2 <= len(runs) <= MOST:
        raise Invalid(f"2 to {MOST} runs are compared, not {len(runs)}")
    found = [_side(site, by, project, run) for run in runs]
    if len({one.ref for one in found}) < len(found):
        raise Invalid("a run is compared with others, not with itself; name each once")
    facts = [fact for about in ABOUT for fact in _facts(about, found)]
    facts += _promises(found)
    curves = [
        _lines(what, [one.curves.get(what) for one in found])
        for what in dict.fromkeys(what for one in found for what in one.curves)
    ]
    code = _changes(site, [one.walked for one in found if one.walked])
    return Comparison(
        runs=tuple(one.ref for one in found),
        names=tuple(one.name for one in found),
        facts=tuple(facts),
        curves=tuple(curves),
        code=tuple(code),
    )


def _lines(what: str, each: list[tracked.Curve | None]) -> Lines:
    points = tuple(one.points if one else None for one in each)
    return Lines(what=what, runs=points, ends=tuple(one.ends if one else "" for one in each))


def _side(site: Site, by: Actor, project: Path, run: str) -> _Side:
    kind, _, uid = run.partition(":")
    if kind == tracked.KIND:
        return _client(tracked.logged(site, by, project, uid=uid))
    one = walked(site, by, project, run=run)
    about: dict[str, Mapping[str, Value]] = {
        "run": dict(_run(one)),
        "parameter": one.parameters,
        "metric": one.metrics,
        "data": dict(_data(one)),
        "time": {step.name: step.seconds for step in one.steps},
    }
    findings = {f"{f.subject.partition('@')[0]}: {f.promise}": f for f in one.findings}
    curves = {curve.what: curve for curve in one.curves}
    return _Side(one.run.ref, one.run.ref.partition(":")[2], about, findings, curves, one)


def _client(one: tracked.Logged) -> _Side:
    run: dict[str, Value] = {"state": one.state, "by": one.run.user, "started": one.started}
    run["experiment"] = one.experiment
    metrics: dict[str, Value] = {key: value for key, (value, _, _) in one.run.metrics.items()}
    data: dict[str, Value] = {data.name: data.digest for data in one.datasets}
    about = {"run": run, "parameter": dict[str, Value](one.run.params), "metric": metrics, "data": data}
    return _Side(one.ref, one.run.name or one.run.uid[:8], about, {}, {curve.what: curve for curve in one.curves}, None)


def _run(one: Walked) -> Iterator[tuple[str, Value]]:
    run = one.run
    yield "state", run.state
    yield "by", run.author
    yield "started", run.started
    yield "seconds of work", round(sum(run.seconds.values()), 4)
    yield "code", run.code
    yield "packages", run.lock
    if one.lost:
        yield "lost files", ", ".join(one.lost)


def _data(one: Walked) -> Iterator[tuple[str, Value]]:
    for noun in one.artifacts:
        if isinstance(noun, Dataset):
            yield noun.name, noun.ref
            yield f"{noun.name}: bytes", noun.digest


def _facts(about: str, found: list[_Side]) -> Iterator[Fact]:
    columns = [one.about.get(about, {}) for one in found]
    for what in dict.fromkeys(word for column in columns for word in column):
        values = tuple(column.get(what) for column in columns)
        yield Fact(about=about, what=what, values=values, differs=_differ(found, values))


def _differ(found: list[_Side], values: Sequence[object | None]) -> bool:
    """Among the runs of a kind, of the line or of clients, that has such a thing: what clients never log is no
    difference between runs of the line. What one run alone can have is always worth a look.
    """
    kinds = {one.walked is None for one, value in zip(found, values, strict=True) if value is not None}
    among = [value for one, value in zip(found, values, strict=True) if (one.walked is None) in kinds]
    return len(among) == 1 or len(set(among)) > 1


def _promises(found: list[_Side]) -> Iterator[Fact]:
    for what in dict.fromkeys(word for one in found for word in one.findings):
        each = [one.findings.get(what) for one in found]
        values = tuple(f.value if f else None for f in each)
        verdicts = tuple(f.verdict if f else None for f in each)
        differs = _differ(found, tuple((f.value, f.verdict) if f else None for f in each))
        yield Fact(about="promise", what=what, values=values, verdicts=verdicts, differs=differs)


def _changes(site: Site, found: list[Walked]) -> Iterator[Change]:
    """Against the first run of the line; a client's run has no code on record."""
    for first, other in ((found[0], other) for other in found[1:]):
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
