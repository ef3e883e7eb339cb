"""Half a year of flights, answered and watched as if it went by: the log, the labels and the watch have the time of the
flights, so that what took from July to December takes a minute. docs/watch-tutorial.md tells the whole story.

python replay.py --until 2013-07-29                      # promotes late@1 on 1 July, and lets four weeks pass
python replay.py --until 2013-08-05 --canary late@2      # the next week, with a canary
python replay.py --until 2013-12-30                      # the rest of the year
python replay.py --table                                 # each week, as it was estimated and as it came true
python replay.py --report watch.html                     # the pictures of the last 90 days as one file
"""

import argparse
import json
import random
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import correlation, fmean
from typing import Any, Self
from unittest.mock import patch

import orjson
import pyarrow.compute as pc

import arkwright
from arkwright.api.decide import why
from arkwright.api.endpoints import rollout, traffic
from arkwright.api.endpoints.logged import label
from arkwright.api.watch import reacting
from arkwright.api.watch.alarms import of
from arkwright.api.watch.rounds import watch
from arkwright.core import record, versions
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.monitor.measured import Found, Measured
from arkwright.pages.watch_report import report
from arkwright.serve.model.answers import reader
from arkwright.serve.model.loaded import load_served
from arkwright.serve.rest.predict import answer_once
from arkwright.serve.tap.writer import Tap
from arkwright.sites import Site, local

NAME, RELEASE = "late", "late@1"
BEGIN = datetime(2013, 7, 1, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
LABELS_AFTER = 3 * WEEK  # the airlines report late
CLOCK = "replayed.json"  # how far the time has gone
HERE = Path.cwd()


def main() -> int:
    given = arguments()
    site, done = local(HERE), HERE / CLOCK
    begin = datetime.fromisoformat(json.loads(done.read_text())) if done.exists() else BEGIN
    with Clock(begin) as clock:
        if given.until:
            replay = Replay(site, clock, begin, given.until)
            if begin == BEGIN:
                replay.promote(release=RELEASE)
            if given.canary:
                replay.promote(release=given.canary, share=0.5)
            while begin < given.until:
                replay.day(begin)
                begin += DAY
                done.write_text(json.dumps(begin.isoformat()))
        if given.table:
            table(site, begin)
        if given.report:
            made = report(site, Actor(name="replay"), HERE, names=[NAME], span="90d", until=begin)
            given.report.write_text(made, encoding="utf-8")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", type=lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
    parser.add_argument("--canary", help="a release that gets half of the requests from now on")
    parser.add_argument("--table", action="store_true", help="each week that has passed, estimated and realised")
    parser.add_argument("--report", type=Path, help="the pictures of the last 90 days, as one HTML file")
    given = parser.parse_args()
    if not (given.until or given.table or given.report):
        parser.error("say --until, --table or --report")
    return given


class Clock:
    """The time for the log, the ledger and the watch; it goes on from where it is set."""

    def __init__(self, at: datetime) -> None:
        self._real, self._real_ns = time.time, time.time_ns
        self.set(at)

    def set(self, at: datetime) -> None:
        self._ahead = at.timestamp() - self._real()

    def __enter__(self) -> Self:
        class Then(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return datetime.fromtimestamp(time.time(), tz)

        self._stack = ExitStack()
        self._stack.enter_context(patch.object(time, "time", lambda: self._real() + self._ahead))
        self._stack.enter_context(patch.object(time, "time_ns", lambda: self._real_ns() + int(self._ahead * 1e9)))
        for module in (record, reacting, rollout):
            self._stack.enter_context(patch.object(module, "datetime", Then))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class Replay:
    """What goes on at the endpoint, day by day."""

    def __init__(self, site: Site, clock: Clock, begin: datetime, until: datetime) -> None:
        self.site, self.clock, self.by = site, clock, Actor(name="cleo")
        self.loaded: dict[str, Any] = {}
        self.stack = ExitStack()
        flown = arkwright.read("flown", HERE)
        at = flown["scheduled_at"]
        first, last = max(BEGIN + HOUR, begin - LABELS_AFTER - WEEK), until + 2 * HOUR
        within = pc.and_(pc.greater_equal(at, first.replace(tzinfo=None)), pc.less(at, last.replace(tzinfo=None)))
        like_learnt = pc.equal(pc.bit_wise_and(pc.hour(at), 1), 0)  # as departures.sql has it
        self.flown = flown.filter(pc.and_(within, like_learnt)).sort_by("scheduled_at")

    def requests(self, day: datetime, columns: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Of a day by their ids: at each airport the flights of the next hour."""
        at, begin = self.flown["scheduled_at"], (day + HOUR).replace(tzinfo=None)
        here = self.flown.filter(pc.and_(pc.greater_equal(at, begin), pc.less(at, begin + DAY)))
        found: dict[str, list[dict[str, Any]]] = {}
        for when, origin, row in zip(
            here["scheduled_at"].to_pylist(), here["origin"].to_pylist(), here.select(columns).to_pylist(), strict=True
        ):
            found.setdefault(f"{when - HOUR:%Y-%m-%dT%H}-{origin}", []).append(row)
        return found

    def promote(self, **words: Any) -> None:
        rollout.promote(self.site, self.by, HERE, **words)
        says = "is a canary" if "share" in words else "answers"
        print(f"{datetime.fromtimestamp(time.time(), UTC):%Y-%m-%d}  {words['release']} {says}", flush=True)

    def day(self, day: datetime) -> None:
        """Its requests are answered, the labels of three weeks before come, and the watch looks: once a week, with a
        canary every day.
        """
        self.answer(day)
        days = 1 if len(versions.resolve(self.site.ledger, Endpoint, NAME).shares) > 1 else 7
        self.clock.set(day + DAY)
        if (day + DAY - BEGIN).days % days:
            return
        before = {alarm.alarm.ref: alarm for _, alarm in of(self.site, [NAME])}
        self.labels(day - LABELS_AFTER, days)
        watch(self.site, self.by, HERE, names=[NAME])
        for _, one in of(self.site, [NAME]):
            if one != before.get(one.alarm.ref):
                tell(day + DAY, one)

    def answer(self, day: datetime) -> None:
        endpoint = versions.resolve(self.site.ledger, Endpoint, NAME)
        self.clock.set(day)
        tap = Tap(self.site.predictions / NAME, NAME)
        numbers: dict[str, int] = {}
        draw = random.Random(day.isoformat())  # noqa: S311 - which release is asked, the same every time
        for id_, rows in self.requests(day, [name for name in self.flown.column_names if name != "late"]).items():
            ref = draw.choices(list(endpoint.shares), list(endpoint.shares.values()))[0]
            release, loaded, read = self.model(ref)
            if ref not in numbers:
                numbers[ref] = tap.release(release.ref, release.digest, loaded.signature)
            body = orjson.dumps(rows)
            began = time.perf_counter_ns()
            said = answer_once(loaded, read, body)
            took = (time.perf_counter_ns() - began) // 1000
            self.clock.set(datetime.strptime(id_[:13], "%Y-%m-%dT%H").replace(tzinfo=UTC))
            tap.add(numbers[ref], id_.encode(), b"desk", body, said, took)
        self.clock.set(day + DAY)
        tap.close()

    def model(self, ref: str) -> tuple[Release, Any, Any]:
        """Exactly what was signed, loaded as a server does."""
        if ref not in self.loaded:
            release = versions.resolve(self.site.ledger, Release, ref)
            loaded = load_served(self.stack.enter_context(traffic.laid_out(self.site, release)), NAME)
            self.loaded[ref] = release, loaded, reader(loaded.signature, loaded.graph)
        return self.loaded[ref]

    def labels(self, day: datetime, days: int) -> None:
        """Of so many days, the last of which is this one."""
        labels = [
            {"id": id_, "row": number, "label": row["late"]}
            for before in range(days)
            for id_, rows in self.requests(day - before * DAY, ["late"]).items()
            for number, row in enumerate(rows)
        ]
        if labels:
            label(self.site, self.by, HERE, endpoint=NAME, labels=labels)


def tell(at: datetime, one: Any) -> None:
    alarm = one.alarm
    found = f": {alarm.value:.3g}, {alarm.note}" if one.state == "raised" else ""
    print(f"{at:%Y-%m-%d}  {one.state} {alarm.ref} of {alarm.release}: {alarm.promise}{found}", flush=True)
    for reaction in one.reactions:
        print(f"            {reaction.do} {reaction.outcome}: {reaction.says}", flush=True)


def table(site: Site, end: datetime) -> None:
    """What the watch estimated at the end of each week, and what it found when the labels of that week had come."""
    with closing(Measured(site.watched / f"{NAME}.measured.db")) as measured:
        guesses, truths = (by_end(measured, name, end) for name in ("estimated(roc_auc)", "roc_auc"))
    promised = why(site, Actor(name="replay"), HERE, release=RELEASE).judgement.findings
    held_out = next(one.value for one in promised if one.promise.startswith("roc_auc "))
    pairs = []
    print("week of       rows  estimated AUC         realised AUC          off")
    for day, guess in guesses.items():
        truth, off = truths.get(day), ""
        if truth is not None:
            pairs.append((guess, truth))
            off = f"{guess.value - truth.value:+.3f}"
        print(
            f"{BEGIN + day * DAY - WEEK:%Y-%m-%d}  {guess.n:>6,}  {shown(guess)}  {shown(truth)}  {off}".rstrip(),
            flush=True,
        )
    estimated, came = ([one.value for one in side] for side in zip(*pairs, strict=True))
    errors = [a - b for a, b in zip(estimated, came, strict=True)]
    within = sum(guess.low <= truth.value <= guess.high for guess, truth in pairs)
    overlap = sum(guess.low <= truth.high and truth.low <= guess.high for guess, truth in pairs)
    mean, bias = fmean(map(abs, errors)), fmean(errors)
    print(f"off by {mean:.3f} on average (bias {bias:+.3f}) in {len(pairs)} weeks with labels,")
    print(f"where the {held_out:.3f} of the held-out rows is off by {fmean(abs(held_out - one) for one in came):.3f};")
    print(f"realised within the estimate's interval in {within} of them, the two intervals overlap in {overlap};")
    print(f"estimated and realised go together with a correlation of {correlation(estimated, came):.2f}")


def by_end(measured: Measured, name: str, end: datetime) -> dict[int, Found]:
    """Of the release, by the ends of the weeks, some seconds after which the watch looks."""
    found = measured.between(f"release:{RELEASE}", name, int(BEGIN.timestamp()), int((end + DAY).timestamp()))
    days = {round((one.until - BEGIN.timestamp()) / DAY.total_seconds()): one for one in found}
    return {day: one for day, one in days.items() if day % 7 == 0}


def shown(one: Found | None) -> str:
    """With its interval."""
    return "no label yet" if one is None else f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


if __name__ == "__main__":
    raise SystemExit(main())
