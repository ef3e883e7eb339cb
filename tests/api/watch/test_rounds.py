"""What an endpoint promises is measured on what came: counted once, added up, whatever was killed on the way."""

import errno
import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from tests.api.answering import answered, rows

from arkwright.api.build import quiet
from arkwright.api.decide import sign, why
from arkwright.api.endpoints import terms
from arkwright.api.endpoints.logged import label
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch import here, looked, rounds, served
from arkwright.api.watch.alarms import alarms
from arkwright.api.watch.over_time import over_time
from arkwright.api.watch.rounds import Trouble, watch
from arkwright.api.watch.window import Answers, Watched
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Lost, Unknown
from arkwright.core.nouns import Endpoint, Release, Run
from arkwright.infra import sqlite_ledger
from arkwright.monitor.measured import Found, Measured
from arkwright.serve.tap import index_lock
from arkwright.serve.tap.parts import Index
from arkwright.serve.telemetry import minutes
from arkwright.serve.telemetry.minutes import Minute
from arkwright.work import compact

HOUR = 3600
PROMISES = """gate  = "production"
promises = [
  "psi(spent) < 0.2", "estimated(recall) >= 0.1", "drifted_columns() == 0", "error_rat <= 1", "ks(spend) < 1",
  "latency_p50_ms < 5", "error_rate <= 0.001", "rows > 1", "recall >= 0.5", "size_mb < 5",
  "mmd() < 0.2", "domain_auc() < 0.6", "changes(score) == 0",
]
"""


@pytest.fixture
def live(at):
    """The endpoint `buys`, promoted, with promises about its traffic."""
    at.shop.edit("arkwright.toml", 'gate  = "production"\n', PROMISES)
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    return at


def _compacted(at):
    compact.once(at.site)
    return Index(at.site.predictions / "buys").parts


def found(at):
    return {one.promise: one for one in at.do(watch, names=["buys"])}


def test_nothing_came(live):
    one = found(live)
    assert (one.pop("rows > 1").verdict, one.pop("size_mb < 5").verdict) == ("unproven", "unproven")
    assert {other.verdict for other in one.values()} == {"unproven"}
    assert one["recall >= 0.5"].note == "no rows came"


def test_the_promise_of_a_gate_is_measured_again_when_labels_come(live, monkeypatch):
    came = rows(200)
    answered(live, came, monkeypatch)
    one = found(live)["recall >= 0.5"]
    assert (one.verdict, one.note) == (
        "unproven",
        "none of the 200 rows has a label yet; send labels: arkwright label buys",
    )
    given = [{"id": f"r600-{n // 100 * 100}", "row": n % 100, "label": int(row["spent"] > 50)}
             for n, row in enumerate(came) if n % 2]  # fmt: skip
    done = live.do(label, endpoint="buys", labels=[*given, {"id": "stranger", "label": 1}])
    assert (done.labels, done.unknown) == (101, 1)
    one = found(live)["recall >= 0.5"]
    assert (one.verdict, one.n, one.note) == ("kept", 100, "100 of 200 rows have labels")
    real = [row["spent"] > 60 for n, row in enumerate(came) if n % 2 and row["spent"] > 50]
    assert one.value == sum(real) / len(real)
    live.do(label, endpoint="buys", labels=[{**one, "label": 1 - one["label"]} for one in given])  # it was all wrong
    assert found(live)["recall >= 0.5"].verdict == "broken"


def test_what_moved_is_found(live, monkeypatch):
    answered(live, rows(1000, shift=200), monkeypatch)
    first = found(live)
    assert first["psi(spent) < 0.2"].verdict == "broken"
    assert first["psi(spent) < 0.2"].n == 1000
    assert first["drifted_columns() == 0"].verdict == "broken"
    assert "spent" in first["drifted_columns() == 0"].note
    assert found(live)["psi(spent) < 0.2"].n == 1000  # counted once
    answered(live, rows(500, shift=200), monkeypatch, ago=300)
    assert found(live)["psi(spent) < 0.2"].n == 1500
    file = live.site.watched / "buys.drift.db"
    assert (heat(live).seconds, heat(live).columns[0]) == (HOUR, "spent")
    with closing(sqlite3.connect(file)) as kept, kept:
        kept.execute("DELETE FROM slot WHERE seconds = ?", (HOUR,))  # as after two days
    assert (heat(live).seconds, heat(live).columns[0]) == (24 * HOUR, "spent")
    file.unlink()
    monkeypatch.setattr(Answers, "_moving", frozenset({"spent"}))  # as what tells rows apart does
    assert "spent" not in found(live)["drifted_columns() == 0"].note
    assert "spent" not in heat(live).columns


def heat(at):
    noun = versions.resolve(at.site.ledger, Endpoint, "buys")
    return over_time(at.site, at.ana, at.folder, endpoint=noun, span="24h").releases[0].heat


def test_performance_is_estimated_before_any_label(live, monkeypatch):
    answered(live, rows(1000), monkeypatch)
    one = found(live)["estimated(recall) >= 0.1"]
    assert (one.verdict, one.n) == ("kept", 1000)
    assert 0.1 < one.low < one.value < one.high <= 1


def test_what_is_estimated_beside_the_worst_group_is_of_each_group_alone(live, monkeypatch):
    came = rows(400)
    answered(live, came, monkeypatch)
    compact.once(live.site)
    noun = versions.resolve(live.site.ledger, Endpoint, "buys")
    answers = Answers(live.site, noun, versions.resolve(live.site.ledger, Release, "release:buys@1"))
    (worst,), beside = answers.watched_with_beside(["estimated(recall, by=country) >= 0"], "1d", answers.settled)
    each = {one.promise.rpartition(" is ")[2]: one for one in beside if " where country is " in one.promise}
    assert {country: one.n for country, one in each.items()} == Counter(row["country"] for row in came)
    assert worst.value == min(one.value for one in each.values()) < max(one.value for one in each.values())


def test_columns_together_and_changes_within_the_window_are_measured(live, monkeypatch):
    answered(live, rows(1000, shift=200), monkeypatch)
    first = found(live)
    assert {first[promise].verdict for promise in ("mmd() < 0.2", "domain_auc() < 0.6")} == {"broken"}
    assert first["mmd() < 0.2"].n == 1000
    assert first["changes(score) == 0"].verdict == "unproven"
    assert "score was there in 1 of the 32 minutes" in first["changes(score) == 0"].note


def test_windows_of_nothing_of_one_row_and_of_one_class_and_nulls_alone(live, monkeypatch):
    more = ("mean(spent) < 9", "roc_auc >= 0.5", "wasserstein(spent) < 9", "out_of_range(spent) <= 0.9")
    nulls = [{"country": None, "spent": None, "age": None}] * 200
    answered(live, rows(1), monkeypatch, ago=4 * HOUR)
    answered(live, nulls, monkeypatch, ago=2 * HOUR, say=lambda _: {"label": 1, "probabilities": {"0": 0.1, "1": 0.9}})
    live.do(label, endpoint="buys", labels=[{"id": f"r{2 * HOUR}-100", "row": n, "label": 1} for n in range(100)])
    compact.once(live.site)
    noun, release = versions.resolve(live.site.ledger, Endpoint, "buys"), "release:buys@1"
    answers, now = Answers(live.site, noun, versions.resolve(live.site.ledger, Release, release)), int(time.time())

    def at(ago):
        since = (now - ago * HOUR) // HOUR * HOUR  # as it is kept
        promises = [*terms.recorded(noun).promises, *more]
        found = {one.promise: one for one in answers.watched(promises, "1h", since + HOUR)}
        assert all(one.note or one.value is not None for one in found.values())
        return found

    for ago, count in ((6, 0), (4, 1)):
        found = at(ago)
        assert found.pop("rows > 1").value in (None, count)
        found.pop("mean(spent) < 9")
        assert {one.verdict for one in found.values()} <= {"unproven"} | ({"kept"} if count else set()), found
    found = at(2)
    assert (found["psi(spent) < 0.2"].verdict, found["drifted_columns() == 0"].verdict) == ("broken", "broken")
    assert found["mean(spent) < 9"].note == "spent is null in every row"
    assert found["wasserstein(spent) < 9"].note == "there are no numbers in spent"
    assert found["roc_auc >= 0.5"].note == "100 of 200 rows have labels; every row is positive"
    assert found["recall >= 0.5"].verdict == "kept"


def test_a_measure_that_is_not_there_is_told(live):
    one = found(live)["error_rat <= 1"]
    assert (one.verdict, one.value) == ("unproven", None)
    assert "error_rat" in one.note
    assert 'did you mean "spent"' in found(live)["ks(spend) < 1"].note
    assert "size_mb cannot be measured on traffic" in found(live)["size_mb < 5"].note


def test_how_it_serves(live, monkeypatch):
    assert "no server counted anything" in found(live)["error_rate <= 0.001"].note
    assert found(live)["latency_p50_ms < 5"].note == "no calls were timed"
    answered(live, rows(2000), monkeypatch)
    one = found(live)["latency_p50_ms < 5"]
    assert (one.verdict, one.value, one.n) == ("kept", pytest.approx(0.4, rel=0.01), 20)  # requests of 100 rows
    assert one.note == "20 calls, each to within 1%"
    now = time.time()
    for since, codes in ((now - 7200, {"200": 100}), (now - 600, {"200": 98, "500": 2})):
        one = Minute("release:buys@1", since, since + 60, codes, rows=100)
        minutes._append(live.site.predictions / "buys" / minutes.FOLDER, one)
    one = found(live)["error_rate <= 0.001"]
    assert (one.verdict, one.value, one.n) == ("broken", 0.01, 200)
    assert one.note == "2 with 500; no server was up in 1,438 minutes of the window"


def test_how_busy_it_was_at_its_worst(tmp_path):
    begun = 1_767_225_600.0
    for since, length, busy in ((0, 60, 0.3), (60, 60, 0.9), (120, 60, None), (180, 2, 1.0), (240, 60, 0.5)):
        one = Minute("release:buys@1", begun + since, begun + since + length, {"200": 1}, rows=1, busy=busy)
        minutes._append(tmp_path / minutes.FOLDER, one)
    told = served._served(tmp_path, "release:buys@1", *(datetime.fromtimestamp(begun + at, UTC) for at in (0, 600)))
    assert told.busiest == (0.9, begun + 60)


def test_what_stops_one_endpoint_stops_no_other(live, monkeypatch):
    with (live.folder / "arkwright.toml").open("a") as file:
        file.write('\n[endpoint.late]\nmodel = "buys"\ngate = "production"\npromises = ["rows > 1"]\n')
    live.do(promote, release="buys", endpoint="late")
    answered(live, rows(10), monkeypatch)
    (part,) = _compacted(live)
    live.site.store.path(part.digest).unlink()
    with pytest.raises(Lost, match="is gone from"):
        live.do(watch)
    with closing(Measured(live.site.watched / "late.measured.db")) as measured:
        assert measured.last() is not None


def test_a_disk_that_stops_one_endpoint_stops_no_other_and_is_told_in_a_line(live, monkeypatch):
    with (live.folder / "arkwright.toml").open("a") as file:
        file.write('\n[endpoint.late]\nmodel = "buys"\ngate = "production"\npromises = ["rows > 1"]\n')
    live.do(promote, release="buys", endpoint="late")
    begun = Measured.__init__

    def full(self, path):
        if path.name.startswith("buys."):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        begun(self, path)

    monkeypatch.setattr(Measured, "__init__", full)
    with pytest.raises(ArkwrightError, match=r"^buys is not watched: read-only file system \(.*buys.measured.db\)"):
        live.do(watch)
    with closing(Measured(live.site.watched / "late.measured.db")) as measured:
        assert measured.last() is not None


def test_a_reader_of_a_log_that_stands_still_stops_the_watch_of_no_other(live, monkeypatch, caplog):
    monkeypatch.setattr(index_lock, "PATIENCE", 0.05)
    with (live.folder / "arkwright.toml").open("a") as file:
        file.write('\n[endpoint.late]\nmodel = "buys"\ngate = "production"\npromises = ["rows > 1"]\n')
    live.do(promote, release="buys", endpoint="late")
    (live.site.predictions / "late").mkdir(parents=True)
    Index(live.site.predictions / "late").announce({"0" * 64})  # by who was killed: there is something to finish
    with index_lock.reading(live.site.predictions / "late"):
        rounds.rounds(live.site, ["buys"], None, quiet, "us")
        assert "late" not in caplog.text
        rounds.rounds(live.site, ["buys", "late"], None, quiet, "us")
    assert [looked.last(live.site, name).well for name in ("buys", "late")] == [True, False]


def test_a_mistake_of_ours_at_one_endpoint_is_raised_when_the_others_were_watched(caplog):
    trouble, done = Trouble(), []
    for name in ("a", "b", "c"):
        with trouble(name):
            done.append(name)
            assert name == "c", name
    with pytest.raises(AssertionError, match="a"):
        trouble.told()
    assert (done, trouble.names) == (["a", "b", "c"], {"a", "b"})
    assert [(one.getMessage(), bool(one.exc_info)) for one in caplog.records] == [("b is not watched", True)]
    with pytest.raises(KeyboardInterrupt), trouble("a"):
        raise KeyboardInterrupt


def test_trouble_without_words_has_a_name_and_a_listener_that_is_gone_is_none():
    trouble = Trouble()
    with trouble("late"):
        raise TimeoutError
    with pytest.raises(ArkwrightError, match=r"^late is not watched: TimeoutError; mend it"):
        trouble.told()
    with pytest.raises(BrokenPipeError), trouble("late"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_an_endpoint_that_is_not_there(live):
    with pytest.raises(Unknown, match='did you mean "buys"'):
        live.do(watch, names=["buyz"])


def test_on_the_command_line(live, monkeypatch, capsys):
    monkeypatch.chdir(live.folder)
    answered(live, rows(1000, shift=200), monkeypatch)
    assert main(["watch", "buys"]) == 1
    said = capsys.readouterr().out
    assert "psi(spent)" in said
    assert "broken" in said
    assert main(["watch", "--json"]) == 1
    told = {one["promise"]: one for one in json.loads(capsys.readouterr().out)}
    assert told["psi(spent) < 0.2"]["n"] == 1000
    (live.site.watched / "buys.db").unlink()
    assert main(["watch", "buys"]) == 1  # it is counted anew


def test_too_few_rows_are_not_broken_before_the_release_was_here_for_a_window(live, monkeypatch):
    one = found(live)["rows > 1"]
    assert one.verdict == "unproven"
    assert one.note.startswith("0 so far, and only since ")
    answered(live, rows(5), monkeypatch)
    assert found(live)["rows > 1"].verdict == "kept"
    real = datetime.fromisoformat
    with monkeypatch.context() as patched:  # it came here three days ago

        class Earlier(datetime):
            @classmethod
            def fromisoformat(cls, text):
                return real(text) - timedelta(days=3)

        patched.setattr(here, "datetime", Earlier)
        (live.site.watched / "buys.db").unlink()
        live.shop.edit("arkwright.toml", '"rows > 1"', '"rows > 10"')
        live.do(promote, release="buys")
        assert found(live)["rows > 10"].verdict == "broken"


def test_a_window_of_so_many_rows(live, monkeypatch):
    live.shop.edit("arkwright.toml", "[endpoint.buys]\n", '[endpoint.buys]\nwatch = { window = "150 rows" }\n')
    live.do(promote, release="buys")
    answered(live, rows(300), monkeypatch, ago=7500)  # hours that are over are counted whole
    answered(live, rows(200), monkeypatch, ago=300)
    assert found(live)["psi(spent) < 0.2"].n == 200
    assert found(live)["rows > 1"].value == 200


def test_a_window_of_all_that_a_release_answered_since_it_came(two, monkeypatch):
    """It left after a day and came back half a day later: what it answered before is not held against it any more."""
    promises = '["psi(spent) < 0.2", "rows >= 1000", "latency_p50_ms < 5", "mean(spent) < 9"]'
    words = f'watch = {{ window = "release", raise_after = "1d" }}\npromises = {promises}\n'
    two.shop.edit("arkwright.toml", "[endpoint.buys]\n", f"[endpoint.buys]\n{words}")
    for hours, release in ((72, "buys@1"), (48, "buys@2"), (36.5, "buys@1")):
        ago = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds")
        with monkeypatch.context() as patched:
            patched.setattr(sqlite_ledger, "now", lambda ago=ago: ago)
            two.do(promote, release=release)
    answered(two, rows(300, shift=200), monkeypatch, ago=60 * HOUR)
    answered(two, rows(400), monkeypatch, ago=36 * HOUR + 1790)  # in the first minute of all
    answered(two, rows(200), monkeypatch, ago=HOUR)
    broken = Found("release:buys@1", "mean(spent) < 9", int(time.time()) - 50 * HOUR, 0, "broken", 60, 50, 70, 9, "")
    with closing(Measured(two.site.watched / "buys.measured.db")) as measured:
        measured.put([broken], int(time.time()))
    one = found(two)
    assert one["mean(spent) < 9"].verdict == "broken"
    assert not two.do(alarms).items  # for a day of this time
    assert one["psi(spent) < 0.2"].n == 600
    assert one["latency_p50_ms < 5"].note.startswith("6 calls are too few")
    assert one["rows >= 1000"].verdict == "unproven"  # it goes on
    assert one["rows >= 1000"].note.startswith("600 so far, and only since ")
    noun, release = versions.resolve(two.site.ledger, Endpoint, "buys"), "release:buys@1"
    answers = Answers(two.site, noun, versions.resolve(two.site.ledger, Release, release))
    for hours, n in ((50, 300), (36.4, 400), (73, 0)):  # as it was then; before it came nothing
        (then,) = answers.watched(["psi(spent) < 0.2"], "release", int(time.time() - hours * HOUR))
        assert then.n == n
        assert then.until - then.since <= timedelta(hours=24)
    for late, hours in ((50, 0), (30, 6.5)):  # labels are late: what they tell of is not from before it came back
        (then,) = answers.watched(["recall >= 0.5"], "release", int(time.time()), late * HOUR)
        assert then.until - then.since == pytest.approx(timedelta(hours=hours), abs=timedelta(minutes=1))


def test_a_window_of_a_release_that_came_by_a_clock_that_ran_ahead_has_all_that_it_answered(live, monkeypatch):
    live.shop.edit("arkwright.toml", "[endpoint.buys]\n", '[endpoint.buys]\nwatch = { window = "release" }\n')
    live.shop.edit("arkwright.toml", '"rows > 1"', '"rows > 500"')
    live.do(promote, release="buys")
    answered(live, rows(200), monkeypatch, ago=26 * HOUR)
    answered(live, rows(200), monkeypatch, ago=HOUR)

    class Later(datetime):
        @classmethod
        def fromisoformat(cls, text):
            return datetime.fromisoformat(text) + timedelta(days=30)

    monkeypatch.setattr(here, "datetime", Later)
    one = found(live)
    assert (one["psi(spent) < 0.2"].n, one["rows > 500"].value) == (400, 400)
    assert one["rows > 500"].verdict == "broken"  # not unproven until it is that late


def test_a_clock_that_begins_in_1970_raises_no_alarm_and_forgets_nothing(live, monkeypatch):
    answered(live, rows(200), monkeypatch)
    found(live)
    head = live.site.ledger.head()
    with monkeypatch.context() as patched:
        patched.setattr(rounds, "time", SimpleNamespace(time=lambda: 1000.0))
        with pytest.raises(ArkwrightError, match="the clock of this machine says 1970-01-01T00:16 UTC; set it"):
            found(live)
    assert live.site.ledger.head() == head
    with closing(Measured(live.site.watched / "buys.measured.db")) as measured:
        assert measured.last() > time.time() - HOUR


def test_an_alarm_has_the_line_run_and_its_candidate_waits_for_signatures(second, monkeypatch):
    second.shop.edit("arkwright.toml", "[endpoint.buys]\n", '[endpoint.buys]\npromises = ["psi(spent) < 0.2"]\n')
    with (second.folder / "arkwright.toml").open("a") as file:
        file.write('\n[[endpoint.buys.reactions]]\ndo = ["run"]\n')
    second.do(promote, release="buys@1")
    second.shop.edit("shop.py", "fill_null(39)", "fill_null(38)")
    answered(second, rows(500, shift=200), monkeypatch)
    for _ in range(2):  # once
        assert found(second)["psi(spent) < 0.2"].alarm == "alarm:buys/1"
    (one,) = second.do(alarms).items
    run = versions.latest(second.site.ledger, Run, "shop")
    assert [(done.do, done.outcome, done.says) for done in one.reactions] == [
        ("run", "done", f"ran the line again: {run.ref} finished")
    ]
    made = versions.latest(second.site.ledger, Release, "buys")
    assert made.ref == "release:buys@3"
    assert second.site.ledger.last(Release.KIND, "buys@").by == "arkwright"
    assert {*second.do(why, release="buys@3").judgement.unsigned} == {"model-owner", "operations"}
    assert versions.resolve(second.site.ledger, Endpoint, "buys").shares == {"release:buys@1": 1.0}


def test_what_rests_on_labels_alone_is_reacted_to_in_time(second):
    """Its windows ended three weeks before they can be measured."""
    words = 'promises = ["recall >= 0.5"]\nwatch = { labels_after = "21d", raise_after = "30m" }\n'
    second.shop.edit("arkwright.toml", "[endpoint.buys]\n", f"[endpoint.buys]\n{words}")
    with (second.folder / "arkwright.toml").open("a") as file:
        file.write('\n[[endpoint.buys.reactions]]\nafter = "1h"\ndo = ["run"]\n')
    endpoint, ago = second.do(promote, release="buys@1"), datetime.now(UTC) - timedelta(days=21)
    numbers = {"value": 0.1, "low": 0.1, "high": 0.2, "n": 900, "note": "", "verdict": "broken"}
    for hours, outcomes in ((0, None), (1, []), (2, ["begun"])):
        until = ago + timedelta(hours=hours)
        one = Watched(
            endpoint="endpoint:buys@1",
            release="release:buys@1",
            promise="recall >= 0.5",
            since=until,
            until=until,
            **numbers,
        )
        rounds._noticed(second.site, endpoint, [one], [])
        raised = [[done.outcome for done in alarm.reactions] for alarm in second.do(alarms).items]
        assert raised == ([] if outcomes is None else [outcomes])
