"""The verb `causes`: what explains that a promise of an endpoint is broken, from kept counts and labels alone."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from arkwright.api import terms
from arkwright.api.accounts import allow
from arkwright.api.logged import signature
from arkwright.api.watch import labelled, when
from arkwright.api.watch.alarms import of
from arkwright.api.watch.log import Layout
from arkwright.api.watch.window import Answers
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Unknown
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.promises import Call, Name, Promise, Value, parse
from arkwright.core.times import utc
from arkwright.measures import expected, moved, registry, traffic, worse
from arkwright.measures.causes import Explained, Part, worst_first
from arkwright.measures.evaluation import Undefined
from arkwright.measures.scores import Scores
from arkwright.measures.window import Window
from arkwright.monitor.counting import Answered, Reference
from arkwright.monitor.measured import Found
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
MOST = 3  # sentences of an alarm
_TOGETHER = ("mmd", "domain_auc")
_TIMES = ("date", "datetime")
_COUNTED = ("error_rate", "refused_rate")
_LOWER = ("brier", "log_loss")  # what is better


@dataclass(frozen=True, kw_only=True)
class Causes:
    """What explains one promise on what a release answered `since` and `until` (UTC): `says` in sentences, at most
    three; else why nothing does. `rows`: the commands that list the rows of each. `explained`: all parts, for pictures
    of before and now.
    """

    endpoint: str
    release: str
    promise: str
    since: datetime
    until: datetime
    says: tuple[str, ...]
    rows: tuple[str, ...]
    explained: Explained


def causes(site: Site, by: Actor, project: Path, *, alarm: str) -> Causes:
    """What explains an alarm (`late/7`) on the rows that it was raised for, as they are counted and labelled now.

    Raises Unknown for an alarm that is not there.
    """
    allow(site, by, "look")
    ref = alarm.removeprefix("alarm:")
    endpoint = versions.resolve(site.ledger, Endpoint, ref.partition("/")[0])
    noun = next((one.alarm for _, one in of(site, [endpoint.name]) if one.alarm.ref == f"alarm:{ref}"), None)
    if noun is None:
        raise Unknown(f"no alarm is called {alarm!r}; arkwright alarms {endpoint.name} lists them")
    since, until = (int(datetime.fromisoformat(one).timestamp()) for one in (noun.since, noun.until))
    return explain(site, endpoint, noun.release, noun.promise, since, until)


def told(site: Site, endpoint: Endpoint, found: Found) -> tuple[tuple[str, ...], str]:
    """For an alarm that is raised: its causes, and the command for the rows of the first. What explains an alarm never
    holds it up.
    """
    try:
        why = explain(site, endpoint, found.release, found.promise, found.since, found.until)
    except Exception as error:  # noqa: BLE001 - see above
        log.warning("%s: %s is not explained: %s", endpoint.ref, found.promise, error)
        return (), ""
    return why.says, next(iter(why.rows), "")


def explain(site: Site, endpoint: Endpoint, release: str, promise: str, since: int, until: int) -> Causes:
    """On what a release answered between, seconds since 1970."""
    noun = versions.resolve(site.ledger, Release, release)
    try:
        answers = Answers(site, endpoint, noun)
        found = _Why(answers, terms.recorded(endpoint).redact, since, until).of(parse(promise))
    except (Undefined, ArkwrightError) as why:
        found = Explained(note=str(why))
    named = [part for part in found.parts if part.named][:MOST]
    names = _names(Layout(signature(site, noun))) if named else {}
    return Causes(
        endpoint=endpoint.ref,
        release=noun.ref,
        promise=promise,
        since=datetime.fromtimestamp(since, UTC),
        until=datetime.fromtimestamp(until, UTC),
        says=found.says(MOST),
        rows=tuple(_command(endpoint, noun, part, names, (since, until)) for part in named),
        explained=found,
    )


@dataclass(frozen=True)
class _Why:
    answers: Answers
    redacted: Sequence[str]
    since: int
    until: int

    def of(self, promise: Promise) -> Explained:
        """Nothing of what no counts explain."""
        call, logged = promise.call, self.answers.logged(self.since, self.until)
        if call.name in _COUNTED:
            return when.failed(logged, call.name)
        if call.name.startswith("latency_"):
            return when.slow(logged, promise)
        window = self.answers.window(self.since, self.until)
        if isinstance(window, str):
            return Explained(note=window)
        if call.name in ("estimated", "worst_group", *expected.MEASURES):
            return self._worse(window, call)
        if call.name in ("drifted_columns", *_TOGETHER):
            trail = window.trail.columns if window.trail else ()  # times are not among what columns do together
            there = [name for name in window.columns if name not in window.times]  # and always move
            return moved.columns(window, self._shown(trail if call.name in _TOGETHER else there))
        return self._column(window, call)

    def _shown(self, columns: Sequence[str]) -> list[str]:
        return [name for name in columns if name not in self.redacted]

    def _column(self, window: Window, call: Call) -> Explained:
        """Of the one column that a measure speaks of."""
        measure = registry.measures().get(call.name)
        named = self._shown([word for word in traffic.mentioned(call) if word in window.reference])
        if len(named) != 1 or measure is None or measure.stage not in ("endpoint", "data") or call.name == "changes":
            return Explained()
        given = [*call.args[1:], *(value for name, value in call.kwargs if name == "bins")]
        bins = next((value for value in given if isinstance(value, int)), 10) if measure.stage == "endpoint" else 10
        return moved.values(window, named[0], call.name, bins)

    def _worse(self, window: Window, call: Call) -> Explained:
        """By the groups of all columns that are kept; of a promise of the worst group, by those of that column."""
        score, by = _asked(call) if call.name in ("estimated", "worst_group") else (call, ())
        reference = self.answers.reference
        if reference is None or score.name not in expected.MEASURES or score.args or score.kwargs:
            return Explained()
        columns = self._shown(by or reference.groups)
        sign = 1 if score.name in _LOWER else -1
        if call.name == "estimated":
            found = worse.estimated(window, score.name, columns, sign=sign, alone=bool(by))
            rows = window.scores.n if window.scores else 0
            return worst_first(found, sign, _at_least(call) / max(1, rows)) if by else found
        if reference.judged is None:
            return Explained(note="the release gives no probabilities, without which its groups are not kept")
        now = self._labelled(reference, columns)
        if now is None:
            return Explained(note="no labels came")
        found = worse.realised(reference.judged, now, score.name, columns, sign=sign, alone=bool(by))
        return worst_first(found, sign, _at_least(call) / max(1, now[1].n)) if by else found

    def _labelled(self, reference: Reference, columns: Sequence[str]) -> tuple[Scores, Scores] | None:
        given = labelled.evaluated(self.answers.logged(self.since, self.until), columns)
        if given.score is None or not len(given):
            return None
        scores = given.score if given.score.ndim > 1 else given.score[:, None]
        table = pa.table({name: pa.array(values) for name, values in given.groups.items()})
        return reference.realised(table, Answered(scores, given.label), given.truth)


def _asked(call: Call) -> tuple[Call, tuple[str, ...]]:
    """(the score, the columns of `by`) of estimated(…) and worst_group(…)."""
    words = dict(call.kwargs)
    score = call.args[0] if call.args else words.get("score")
    by = call.args[1] if len(call.args) > 1 else words.get("by")
    inner = Call(score.text) if isinstance(score, Name) else score
    return inner if isinstance(inner, Call) else Call(""), tuple(traffic.mentioned(_value(by)))


def _at_least(call: Call) -> float:
    """From how many rows on a group counts."""
    given = dict(call.kwargs).get("at_least", call.args[2] if len(call.args) > 2 else 50)
    return given if isinstance(given, int | float) else 50


def _value(given: Value | None) -> Value:
    return () if given is None else given


def _names(layout: Layout) -> dict[str, str]:
    """How the log calls a column. Times are left out: their counts say when in another way than people do."""
    found = {column: name for name, column in layout.row.items()} | {layout.prediction: layout.answer[0]}
    return {one.name: found[one.name] for one in layout.columns if one.name in found and one.type not in _TIMES}


def _command(endpoint: Endpoint, release: Release, part: Part, names: Mapping[str, str], span: tuple[int, int]) -> str:
    """What lists the rows of a part."""
    begin, end = part.span or span
    words = ["arkwright", "predictions", endpoint.name, "--since", utc(begin), "--until", utc(end)]
    words += ["--release", f"{release.name}@{release.version}"]
    for one in part.where if part.column in names else ():
        words += ["--where", names[part.column] + one[len(part.column) :]]
    return shlex.join(words)
