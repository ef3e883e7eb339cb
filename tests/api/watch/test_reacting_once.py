"""What is done about an alarm is done once, whoever is killed, hindered or sent away on the way."""

import time
from contextlib import nullcontext, suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.api.watch.test_reacting import KEPT, MORE, ONE, PROMISE, THREE, TWO, endpoint, found, up, watched

from arkwright.api.build import quiet
from arkwright.api.endpoints import rollout
from arkwright.api.endpoints.emergency import stop
from arkwright.api.jobs import jobs
from arkwright.api.talking.talk import threads
from arkwright.api.watch import alarms, deciding, process, reacting, rounds
from arkwright.api.watch.alarms import MACHINE
from arkwright.core import versions
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.errors import Full
from arkwright.core.nouns import Run

REST = 'of = "canary"\ndo = ["halt", "discuss", "notify", "run"]\ntell = ["ada"]'


def test_an_alarm_is_raised_though_what_explains_it_takes_longer_than_a_look(two, monkeypatch, caplog):
    up(two, promises=(PROMISE, MORE))

    def follow(why, *some):
        alarms.follow(two.site, endpoint(two), list(some), why)
        return {one.alarm.promise: one.alarm.causes for one in alarms.stand(two.site, "buys")}

    def killed(_):
        raise KeyboardInterrupt

    some = found(ONE), found(ONE, promise=MORE)
    with pytest.raises(KeyboardInterrupt):
        follow(killed, *some)
    assert alarms.hung(two.site, "buys")
    assert follow(killed, *some) == {PROMISE: (), MORE: ()}
    assert "psi(spent) < 0.2 is raised unexplained" in caplog.text
    assert not alarms.hung(two.site, "buys")
    over = [(one, KEPT) for one, _ in some]
    assert follow(killed, *over) == {}
    because = lambda _: (("DE came",), "")  # noqa: E731
    assert follow(because, some[0]) == {PROMISE: ("DE came",)}
    assert not alarms.hung(two.site, "buys")
    with monkeypatch.context() as patched:
        patched.setattr(alarms.Path, "touch", lambda *_, **__: (two.site.watched / "gone" / "file").open())
        assert follow(killed, *some)[MORE] == (), "where nothing can be marked nothing is explained"


def halted_and_killed(at, monkeypatch):
    up(at, [REST], promises=(PROMISE, MORE), share=0.2)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setitem(deciding._DECIDE, "discuss", killed)
        with pytest.raises(KeyboardInterrupt):
            watched(at, found(TWO), found(TWO, promise=MORE))


def reacted(at, alarm=1):
    return [event.key.split("/")[2] for event in at.site.ledger.find(Reacted.KIND, f"buys/{alarm}/")]


def test_who_is_killed_when_the_release_is_gone_has_the_rest_done_by_the_next_one(two, monkeypatch):
    halted_and_killed(two, monkeypatch)
    assert reacted(two) == ["halt"]
    for _ in range(2):
        rounds._noticed(two.site, endpoint(two), [], [])
        assert reacted(two) == reacted(two, 2) == ["halt", "discuss", "notify", "run"]
    assert [one.state for one in two.do(alarms.alarms).items] == ["left", "left"]


def test_though_another_one_was_taken_away_then_too(two, monkeypatch):
    halted_and_killed(two, monkeypatch)
    now = endpoint(two)
    moved = replace(now, version=now.version + 1, reason=f"halted {THREE}: it was broken (alarm:buys/2)")
    rollout.move(two.site, MACHINE, moved, [])
    rounds._noticed(two.site, endpoint(two), [], [])
    assert reacted(two) == ["halt", "discuss", "notify", "run"]


def test_the_rest_is_what_was_due_then(two, monkeypatch):
    """What is held back is not done when it has cooled down, as the release has left."""
    up(two, [REST], promises=(PROMISE, MORE), share=0.2)
    watched(two, found(TWO), found(TWO, promise=MORE))
    did = [event.key for event in two.site.ledger.find(Reacted.KIND)]
    assert "buys/2/run/withheld" in did
    monkeypatch.setattr(reacting, "time", SimpleNamespace(time=lambda: time.time() + 2 * 86_400))
    rounds._noticed(two.site, endpoint(two), [], [])
    assert [event.key for event in two.site.ledger.find(Reacted.KIND)] == did


def test_what_a_full_disk_hinders_is_done_when_there_is_room(two, monkeypatch):
    up(two, [REST], share=0.2)

    def full(*_):
        raise Full("the disk is full: nothing was written; make room")

    with monkeypatch.context() as patched:
        patched.setitem(deciding._DECIDE, "halt", full)
        with pytest.raises(Full):
            watched(two, found(TWO))
    assert "halt" not in reacted(two)
    assert "notify" in reacted(two), "one thing that is hindered holds up no other"
    watched(two, found(TWO))
    assert sorted(reacted(two)) == ["discuss", "halt", "notify", "run"]
    with pytest.raises(Full):
        reacting.finish(two.site, "buys", full)
    assert sorted(reacted(two)) == ["discuss", "halt", "notify", "run"]


def test_what_a_person_moved_meanwhile_is_left_to_them(two, monkeypatch):
    halted_and_killed(two, monkeypatch)
    two.do(stop, endpoint="buys", reason="we look at it")
    rounds._noticed(two.site, endpoint(two), [], [])
    assert reacted(two) == ["halt"]


def test_a_job_that_was_begun_and_not_told_is_not_begun_again(two):
    first = process._job(two.site, two.folder, "2026-01-01")
    assert process._job(two.site, two.folder, first.made).id == first.id
    jobs.stop_job(two.site, two.ana, two.folder, id=first.id)
    second = process._job(two.site, two.folder, first.made)
    assert second.id != first.id, "what was stopped ran nothing"
    assert process._job(two.site, two.folder, "9999").id != first.id
    assert len(jobs.jobs(two.site, two.ana, two.folder)) == 3


def test_the_line_is_run_again_once_and_by_whoever_comes_after_one_that_was_killed(two):
    up(two, ['do = ["run"]'])
    _, made = watched(two, found(ONE))
    assert [one.outcome for one in made] == ["begun"]
    ran = []

    def killed(*_):
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        reacting.finish(two.site, "buys", killed)
    reacting.finish(two.site, "buys", lambda *_: ran.append(1) or "ran it")
    reacting.finish(two.site, "buys", lambda *_: ran.append(1) or "ran it")
    assert ran == [1]
    (one,) = two.do(alarms.alarms).items
    assert [(done.outcome, done.says) for done in one.reactions] == [("done", "ran it")]


def test_who_loses_the_turn_on_the_way_leaves_the_line_to_whoever_has_it(two, monkeypatch):
    up(two, ['do = ["run"]'])
    watched(two, found(ONE))
    two.shop.edit("shop.py", "fill_null(40)", "fill_null(38)")  # so that there is something to be made
    held, asked = [True], []
    monkeypatch.setattr(two.site.vault, "alone", lambda _: nullcontext(lambda: held[0]))
    before = list(versions.all_of(two.site.ledger, Run))[-1].version

    def rerun(since, may_go_on):
        def asks():
            asked.append(held[0])
            held[0] = len(asked) < 4
            may_go_on()

        return rounds._rerun(two.site, two.folder, quiet, since, asks)

    reacting.finish(two.site, "buys", rerun)
    (one,) = two.do(alarms.alarms).items
    assert [done.outcome for done in one.reactions] == ["begun"]
    run = list(versions.all_of(two.site.ledger, Run))[-1]
    assert (run.version, run.state) == (before + 1, "failed")
    assert run.error == "the turn at the line that is run again is lost: the connection broke; it is done the next time"
    held[0] = True
    reacting.finish(two.site, "buys", lambda *_: "ran it")
    (one,) = two.do(alarms.alarms).items
    assert [(done.outcome, done.says) for done in one.reactions] == [("done", "ran it")]


def test_a_stopped_endpoint_is_left_alone_though_it_was_stopped_just_now(two, monkeypatch):
    up(two, ['do = ["halt"]'], share=0.2)
    cases = reacting._cases

    def slowly(*words):
        due = list(cases(*words))
        two.do(stop, endpoint="buys", reason="we look at it")
        return due

    monkeypatch.setattr(reacting, "_cases", slowly)
    assert watched(two, found(TWO))[1] == []
    assert endpoint(two).shares == {ONE: 0.8, TWO: 0.2}


@pytest.mark.parametrize("do", ["halt", "discuss"])
def test_who_is_killed_before_it_is_on_record_does_it_the_next_time(two, monkeypatch, do):
    up(two, [f'do = ["{do}"]'], share=0.2)

    def killed(*_):
        raise KeyboardInterrupt

    append = type(two.site.ledger).append
    for calls in range(1, 4):
        count = iter(range(10))

        def dies(ledger, by, entries, calls=calls, count=count):
            return killed() if next(count) == calls - 1 else append(ledger, by, entries)

        with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
            patched.setattr(type(two.site.ledger), "append", dies)
            watched(two, found(TWO))
    watched(two, found(TWO))
    everything = [event for event in two.site.ledger.find(Reacted.KIND) if event.key.startswith(f"buys/1/{do}")]
    assert len(everything) == 1
    assert len(list(two.site.ledger.find(Alarm.KIND))) - len(list(two.site.ledger.find(Alarm.KIND, "buys/1/"))) == 1
    assert len(two.do(threads, about="endpoint:buys").items) == (do == "discuss")
