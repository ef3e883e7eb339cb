"""The verb `causes`: what explains that a promise is broken; of an endpoint from kept counts, the log and labels."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from arkwright.api.endpoints import terms
from arkwright.api.endpoints.logged import signature
from arkwright.api.people.accounts import allow
from arkwright.api.watch import told, when
from arkwright.api.watch.alarms import known, of
from arkwright.api.watch.data_causes import TIMES, DataExplainer
from arkwright.api.watch.log import Layout
from arkwright.api.watch.told import MOST, Causes, Rows
from arkwright.api.watch.window import Answers
from arkwright.api.watch.worse import ABOUT, Worse
from arkwright.core import versions
from arkwright.core.alarms import DATA, Alarm
from arkwright.core.errors import ArkwrightError, Unknown
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.promises import Call, Promise, Reading, parse
from arkwright.core.times import utc
from arkwright.core.where import Clause, Where, spelt
from arkwright.measures import moved, registry, traffic, unexplained
from arkwright.measures.causes import Explained, Part
from arkwright.measures.evaluation import Undefined
from arkwright.measures.window import Window
from arkwright.monitor.measured import Found
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
_TOGETHER = ("mmd", "domain_auc")
_COUNTED = ("error_rate", "refused_rate")
_ANSWERED = (Where("status", "=", "200"),)


def causes(site: Site, by: Actor, project: Path, *, alarm: str) -> Causes:
    """What explains an alarm: of an endpoint (`late/7`) on the rows that it was raised for, as they are counted and
    labelled now; of a dataset (`data.flights/2`) on those of the last look.

    Raises Unknown for an alarm that is not there.
    """
    allow(site, by, "look")
    ref = alarm.removeprefix("alarm:")
    about = known(site, project, ref.partition("/")[0])
    found = next((one for _, one in of(site, [about]) if one.alarm.ref == f"alarm:{ref}"), None)
    if found is None:
        raise Unknown(f"no alarm is called {alarm!r}; arkwright alarms {about} lists them")
    if about.startswith(DATA):
        return DataExplainer(site, about).alarm(found.alarm)
    explain = Explainer(site, versions.resolve(site.ledger, Endpoint, about))
    return explain.standing(found.alarm) if found.state == "raised" else explain.alarm(found.alarm)


@dataclass
class Explainer:
    """Explains alarms of one endpoint; what was counted and read for one is there for the next."""

    site: Site
    endpoint: Endpoint
    _looked: dict[tuple[str, int, int], "_Why"] = field(default_factory=dict)

    def __call__(self, found: Found) -> tuple[tuple[str, ...], str]:
        """For an alarm that is raised: its causes, and the command for the rows of the first. What explains an alarm
        never holds it up.
        """
        try:
            why = self.explain(found.release, found.promise, found.since, found.until)
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("%s: %s is not explained: %s", self.endpoint.ref, found.promise, error)
            return (), ""
        return why.says, next(iter(why.rows), "")

    def alarm(self, alarm: Alarm) -> Causes:
        """On the rows that it was raised for, as they are counted and labelled now."""
        return self.explain(alarm.release, alarm.promise, *_span(alarm))

    def standing(self, alarm: Alarm) -> Causes:
        """Of one that stands: where it was raised on too few rows to tell, on those of the window that ends with what
        is counted by now.
        """
        found = self.alarm(alarm)
        if found.explained.note != moved.FEW:
            return found
        noun = versions.resolve(self.site.ledger, Release, alarm.release)
        answers = self._why(noun, *_span(alarm)).answers
        since = answers.begins(terms.recorded(self.endpoint).window, answers.settled)
        return self.explain(alarm.release, alarm.promise, since, answers.settled)

    def explain(self, release: str, promise: str, since: int, until: int) -> Causes:
        """On what a release answered between, seconds since 1970."""
        noun = versions.resolve(self.site.ledger, Release, release)
        shown: tuple[Explained, ...] = ()
        try:
            found = self._why(noun, since, until).of(parse(promise))
            shown = self._why(noun, since, until).columns(found)
        except (Undefined, ArkwrightError) as why:
            found = Explained(note=str(why))
        without = "" if found.parts or found.note else unexplained.why(parse(promise).call) or unexplained.NOT_KEPT
        names = _names(Layout(signature(self.site, noun))) if found.parts else {}

        def rows(parts: Sequence[Part]) -> tuple[Rows, ...]:
            return tuple(_rows(noun, part, names, (since, until)) for part in parts)

        places = rows(found.parts)
        named = [place for part, place in zip(found.parts, places, strict=True) if part.named]
        return Causes(
            about=self.endpoint.ref,
            release=noun.ref,
            promise=promise,
            since=datetime.fromtimestamp(since, UTC),
            until=datetime.fromtimestamp(until, UTC),
            before="the rows that the release was judged on",
            now="as it is counted and labelled now",
            says=found.says(MOST),
            rows=tuple(place.command(self.endpoint.name) for place in named[:MOST]),
            explained=found,
            places=places,
            columns=tuple((one, rows(one.parts)) for one in shown),
            without=without,
        )

    def _why(self, release: Release, since: int, until: int) -> "_Why":
        key = (release.ref, since, until)
        if key not in self._looked:
            same = next((one.answers for (ref, *_), one in self._looked.items() if ref == release.ref), None)
            answers = same or Answers(self.site, self.endpoint, release)
            self._looked[key] = _Why(answers, terms.recorded(self.endpoint).redact, since, until)
        return self._looked[key]


@dataclass
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
        window = self._window
        if isinstance(window, Reading):
            return Explained(note=window.note)
        if call.name in ABOUT:
            return self._worse.why(call, self._shown)
        if call.name in ("drifted_columns", *_TOGETHER):
            trail = window.trail.columns if window.trail else ()  # times are not among what columns do together
            there = [name for name in window.columns if name not in window.moving]  # and always move
            return moved.columns(window, self._shown(trail if call.name in _TOGETHER else there))
        return self._column(window, call)

    def columns(self, found: Explained) -> tuple[Explained, ...]:
        """Of those that are named first, all their parts."""
        alone = any(part.named and part.column for part in found.parts)
        window = self._window if alone else None
        return told.columns(found, window if isinstance(window, Window) else None)

    @cached_property
    def _window(self) -> Window | Reading:
        return self.answers.window(self.since, self.until)

    @cached_property
    def _worse(self) -> Worse:
        reference, window = self.answers.reference, self._window
        assert reference
        assert isinstance(window, Window)
        return Worse(reference, self.answers.logged(self.since, self.until), len(window))

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


def _span(alarm: Alarm) -> tuple[int, int]:
    since, until = (int(datetime.fromisoformat(one).timestamp()) for one in (alarm.since, alarm.until))
    return since, until


def _names(layout: Layout) -> dict[str, str]:
    """How the log calls a column. Times are left out: their counts say when in another way than people do."""
    found = {column: name for name, column in layout.row.items()} | {layout.prediction: layout.answer[0]}
    return {one.name: found[one.name] for one in layout.columns if one.name in found and one.type not in TIMES}


def _rows(release: Release, part: Part, names: Mapping[str, str], span: tuple[int, int]) -> Rows:
    """What finds the rows of a part."""
    begin, end = part.span or span
    where = [_renamed(clause, names) for clause in part.where] if part.column in names else []
    if any(one.op == "=" and one.value is None for clause in where for one in clause):
        where.append(_ANSWERED)  # whatever was refused has no values at all
    said = tuple(map(spelt, where))
    return Rows(since=utc(begin), until=utc(end), release=f"{release.name}@{release.version}", where=said)


def _renamed(clause: Clause, names: Mapping[str, str]) -> Clause:
    return tuple(replace(one, column=names[one.column]) for one in clause)
