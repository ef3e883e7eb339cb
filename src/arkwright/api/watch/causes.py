"""The verb `causes`: what explains that a promise of an endpoint is broken, from kept counts, the log and labels."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from arkwright.api.endpoints import terms
from arkwright.api.endpoints.logged import signature
from arkwright.api.people.accounts import allow
from arkwright.api.watch import when
from arkwright.api.watch.alarms import of
from arkwright.api.watch.log import Layout
from arkwright.api.watch.window import Answers
from arkwright.api.watch.worse import ABOUT, Worse
from arkwright.core import versions
from arkwright.core.alarms import Alarm
from arkwright.core.errors import ArkwrightError, Unknown
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.promises import Call, Promise, parse
from arkwright.core.times import utc
from arkwright.measures import moved, registry, traffic
from arkwright.measures.causes import Explained, Part
from arkwright.measures.evaluation import Undefined
from arkwright.measures.window import Window
from arkwright.monitor.measured import Found
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
MOST = 3  # sentences of an alarm
_TOGETHER = ("mmd", "domain_auc")
_TIMES = ("date", "datetime")
_COUNTED = ("error_rate", "refused_rate")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Where the rows of a part are among the predictions, as `predictions` takes it."""

    since: str
    until: str
    release: str
    where: tuple[str, ...]

    def command(self, endpoint: str) -> str:
        words = ["arkwright", "predictions", endpoint, "--since", self.since, "--until", self.until]
        words += ["--release", self.release]
        return shlex.join([*words, *(word for one in self.where for word in ("--where", one))])


@dataclass(frozen=True, kw_only=True)
class Causes:
    """What explains one promise on what a release answered `since` and `until` (UTC): `says` in sentences, at most
    three; else why nothing does. `rows`: the commands that list the rows of each. `explained`: all parts, for pictures
    of before and now; `places`: the rows of each of them. `columns`: of those that are named first, all their values,
    each with its rows.
    """

    endpoint: str
    release: str
    promise: str
    since: datetime
    until: datetime
    says: tuple[str, ...]
    rows: tuple[str, ...]
    explained: Explained
    places: tuple[Rows, ...]
    columns: tuple[tuple[Explained, tuple[Rows, ...]], ...]


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
    return Explainer(site, endpoint).alarm(noun)


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
        since, until = (int(datetime.fromisoformat(one).timestamp()) for one in (alarm.since, alarm.until))
        return self.explain(alarm.release, alarm.promise, since, until)

    def explain(self, release: str, promise: str, since: int, until: int) -> Causes:
        """On what a release answered between, seconds since 1970."""
        noun = versions.resolve(self.site.ledger, Release, release)
        shown: tuple[Explained, ...] = ()
        try:
            found = self._why(noun, since, until).of(parse(promise))
            shown = self._why(noun, since, until).columns(found)
        except (Undefined, ArkwrightError) as why:
            found = Explained(note=str(why))
        names = _names(Layout(signature(self.site, noun))) if found.parts else {}

        def rows(parts: Sequence[Part]) -> tuple[Rows, ...]:
            return tuple(_rows(noun, part, names, (since, until)) for part in parts)

        places = rows(found.parts)
        named = [place for part, place in zip(found.parts, places, strict=True) if part.named]
        return Causes(
            endpoint=self.endpoint.ref,
            release=noun.ref,
            promise=promise,
            since=datetime.fromtimestamp(since, UTC),
            until=datetime.fromtimestamp(until, UTC),
            says=found.says(MOST),
            rows=tuple(place.command(self.endpoint.name) for place in named[:MOST]),
            explained=found,
            places=places,
            columns=tuple((one, rows(one.parts)) for one in shown),
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
        if isinstance(window, str):
            return Explained(note=window)
        if call.name in ABOUT:
            return self._worse.why(call, self._shown)
        if call.name in ("drifted_columns", *_TOGETHER):
            trail = window.trail.columns if window.trail else ()  # times are not among what columns do together
            there = [name for name in window.columns if name not in window.times]  # and always move
            return moved.columns(window, self._shown(trail if call.name in _TOGETHER else there))
        return self._column(window, call)

    def columns(self, found: Explained) -> tuple[Explained, ...]:
        """Of each column that is named first, all its parts in their own order; of times, those that are named."""
        names = list(dict.fromkeys(part.column for part in found.parts if part.named))[:MOST]
        each = [replace(found, parts=_in_order(found.parts, name)) for name in names]
        window = self._window if any(len(one.parts) == 1 and one.parts[0].column for one in each) else ""
        if isinstance(window, str):
            return tuple(each)
        return tuple(self._whole(window, one) for one in each)  # of columns each has but its first value

    def _whole(self, window: Window, one: Explained) -> Explained:
        whole = moved.values(window, one.parts[0].column, "psi")
        return replace(whole, parts=_in_order(whole.parts, one.parts[0].column))

    @cached_property
    def _window(self) -> Window | str:
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


def _in_order(parts: Sequence[Part], column: str) -> tuple[Part, ...]:
    return tuple(sorted((part for part in parts if part.column == column), key=lambda part: part.place))


def _names(layout: Layout) -> dict[str, str]:
    """How the log calls a column. Times are left out: their counts say when in another way than people do."""
    found = {column: name for name, column in layout.row.items()} | {layout.prediction: layout.answer[0]}
    return {one.name: found[one.name] for one in layout.columns if one.name in found and one.type not in _TIMES}


def _rows(release: Release, part: Part, names: Mapping[str, str], span: tuple[int, int]) -> Rows:
    """What finds the rows of a part."""
    begin, end = part.span or span
    where = part.where if part.column in names else ()
    said = tuple(names[part.column] + one[len(part.column) :] for one in where)
    return Rows(since=utc(begin), until=utc(end), release=f"{release.name}@{release.version}", where=said)
