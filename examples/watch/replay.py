"""Half a year of flights, answered and watched as if it went by: the log, the labels and the watch have the time of the
flights, so that what took from July to December takes a minute. docs/watch-tutorial.md tells the whole story.

python replay.py --until 2013-07-29                      # promotes late@1 on 1 July, and lets four weeks pass
python replay.py --until 2013-08-05 --canary late@2      # the next week, with a canary
python replay.py --table                                 # each week, estimated and realised
python replay.py --report watch.html                     # the pictures of the last 90 days as one file
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.compute as pc

import arkwright
from arkwright.api.endpoints import rollout, traffic
from arkwright.api.endpoints.logged import label
from arkwright.api.watch import reacting
from arkwright.api.watch.alarms import of
from arkwright.api.watch.rounds import watch
from arkwright.api.watch.window import Answers
from arkwright.core import record, versions
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.pages.watch_report import report
from arkwright.serve.model.answers import reader
from arkwright.serve.model.loaded import load_served
from arkwright.serve.rest.predict import answer_once
from arkwright.serve.tap.writer import Tap
from arkwright.sites import Site, local

NAME = "late"
BEGIN = datetime(2013, 7, 1, tzinfo=UTC)
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
LABELS_AFTER = 3 * WEEK  # the airlines report late
CLOCK = "replayed.json"  # how far the time has gone
HERE = Path.cwd()


def main() -> int:
    given = arguments()
    site = local(HERE)
    if given.table:
        return table(site)
    if given.report:
        end = datetime.fromisoformat(json.loads((HERE / CLOCK).read_text()))
        made = report(site, Actor(name="replay"), HERE, names=[NAME], span="90d", until=end)
        given.report.write_text(made, encoding="utf-8")
        return 0
    done = HERE / CLOCK
    begin = datetime.fromisoformat(json.loads(done.read_text())) if done.exists() else BEGIN
    replay = Replay(site)
    if begin == BEGIN:
        replay.promote(begin, release="late@1")
    if given.canary:
        replay.promote(begin, release=given.canary, share=0.3)
    day = begin
    while day < given.until:
        replay.day(day)
        day += DAY
        done.write_text(json.dumps(day.isoformat()))
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--until", type=lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC))
    parser.add_argument("--canary", help="a release that gets three of ten requests from now on")
    parser.add_argument("--table", action="store_true", help="each week that has passed, estimated and realised")
    parser.add_argument("--report", type=Path, help="the pictures of the last 90 days, as one HTML file")
    given = parser.parse_args()
    if not (given.until or given.table or given.report):
        parser.error("say --until, --table or --report")
    return given


@contextmanager
def clock(at: datetime) -> Iterator[None]:
    """It is then, for the log, the ledger and the watch, and time goes on."""
    ahead = at.timestamp() - time.time()
    real, real_ns = time.time, time.time_ns

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(time.time(), tz)

    with ExitStack() as stack:
        stack.enter_context(patch.object(time, "time", lambda: real() + ahead))
        stack.enter_context(patch.object(time, "time_ns", lambda: real_ns() + int(ahead * 1e9)))
        for module in (record, reacting, rollout):
            stack.enter_context(patch.object(module, "datetime", Then))
        yield


class Replay:
    """What goes on at the endpoint, day by day."""

    def __init__(self, site: Site) -> None:
        self.site, self.by = site, Actor(name="cleo")
        self.requests: dict[datetime, dict[str, list[dict[str, Any]]]] = {}  # by day, by id
        found = arkwright.read("flown", HERE).sort_by("scheduled_at")
        for row in found.filter(pc.field("scheduled_at") >= BEGIN.replace(tzinfo=None)).to_pylist():
            asked = row["scheduled_at"].replace(tzinfo=UTC, minute=0, second=0) - timedelta(hours=1)
            if asked < BEGIN:
                continue
            day = asked.replace(hour=0)
            self.requests.setdefault(day, {}).setdefault(f"{asked:%Y-%m-%dT%H}-{row['origin']}", []).append(row)
        self.loaded: dict[str, Any] = {}
        self.stack = ExitStack()

    def promote(self, at: datetime, **words: Any) -> None:
        with clock(at):
            rollout.promote(self.site, self.by, HERE, **words)
        print(f"{at:%Y-%m-%d}  {words['release']} {'is a canary' if 'share' in words else 'answers'}", flush=True)

    def day(self, day: datetime) -> None:
        """Its requests are answered, the labels of three weeks before come, and the watch looks."""
        before = {alarm.alarm.ref: alarm for _, alarm in of(self.site, [NAME])}
        self.answer(day)
        if (day + DAY - BEGIN) % WEEK and len(versions.resolve(self.site.ledger, Endpoint, NAME).shares) == 1:
            return  # once a week; with a canary every day
        self.labels(day - LABELS_AFTER)
        with clock(day + DAY):
            watch(self.site, self.by, HERE, names=[NAME])
        for _, one in of(self.site, [NAME]):
            if one != before.get(one.alarm.ref):
                tell(day + DAY, one)

    def answer(self, day: datetime) -> None:
        endpoint = versions.resolve(self.site.ledger, Endpoint, NAME)
        with clock(day):
            tap = Tap(self.site.predictions / NAME, NAME)
        numbers: dict[str, int] = {}
        draw = random.Random(day.isoformat())  # noqa: S311 - which release is asked, the same every time
        for id_, rows in self.requests.get(day, {}).items():
            ref = draw.choices(list(endpoint.shares), list(endpoint.shares.values()))[0]
            release, loaded, read = self.model(ref)
            if ref not in numbers:
                numbers[ref] = tap.release(release.ref, release.digest, loaded.signature)
            asked = [{k: v for k, v in row.items() if k != "late"} for row in rows]
            body = json.dumps(asked, default=lambda moment: moment.isoformat()).encode()
            began = time.perf_counter_ns()
            said = answer_once(loaded, read, body)
            took = (time.perf_counter_ns() - began) // 1000
            with clock(datetime.strptime(id_[:13], "%Y-%m-%dT%H").replace(tzinfo=UTC)):
                tap.add(numbers[ref], id_.encode(), b"desk", body, said, took)
        with clock(day + DAY):
            tap.close()

    def model(self, ref: str) -> tuple[Release, Any, Any]:
        """Exactly what was signed, loaded as a server does."""
        if ref not in self.loaded:
            release = versions.resolve(self.site.ledger, Release, ref)
            loaded = load_served(self.stack.enter_context(traffic.laid_out(self.site, release)), NAME)
            self.loaded[ref] = release, loaded, reader(loaded.signature, loaded.graph)
        return self.loaded[ref]

    def labels(self, day: datetime) -> None:
        labels = [
            {"id": id_, "row": number, "label": row["late"]}
            for before in range(7)
            for id_, rows in self.requests.get(day - before * DAY, {}).items()
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


def table(site: Site) -> int:
    """What was estimated of each week, and what came true by the labels that are there."""
    endpoint = versions.resolve(site.ledger, Endpoint, NAME)
    release = versions.resolve(site.ledger, Release, "late@1")
    end = datetime.fromisoformat(json.loads((HERE / CLOCK).read_text()))
    answers = Answers(site, endpoint, release)
    errors, within, overlap = [], 0, 0
    print("week of       rows  estimated AUC            realised AUC             off")
    since = BEGIN
    while since + WEEK <= end:
        span = int(since.timestamp()), int((since + WEEK).timestamp())
        guess, truth = answers.watched(["estimated(roc_auc) >= 0", "roc_auc >= 0"], *span)
        off = ""
        if truth.value is not None:
            errors.append(guess.value - truth.value)
            within += guess.low <= truth.value <= guess.high
            overlap += guess.low <= truth.high and truth.low <= guess.high
            off = f"{errors[-1]:+.4f}"
        print(f"{since:%Y-%m-%d}  {guess.n:>6,}  {shown(guess)}  {shown(truth)}  {off}".rstrip(), flush=True)
        since += WEEK
    if errors:
        mean, bias = sum(map(abs, errors)) / len(errors), sum(errors) / len(errors)
        print(f"off by {mean:.4f} on average (bias {bias:+.4f}) in {len(errors)} weeks whose labels came;")
        print(f"realised within the estimate's interval in {within} of them, the two intervals overlap in {overlap}")
    return 0


def shown(one: Any) -> str:
    """With its interval."""
    return "no label yet".ljust(23) if one.value is None else f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"


if __name__ == "__main__":
    raise SystemExit(main())
