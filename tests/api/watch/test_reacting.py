"""Alarms, and what is done about them."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from arkwright.api.decide import refuse
from arkwright.api.endpoints.rollout import promote
from arkwright.api.talking.inbox import inbox
from arkwright.api.talking.talk import threads
from arkwright.api.watch import alarms, deciding, here, reacting
from arkwright.api.watch.alarms import MACHINE
from arkwright.api.watch.past import Past
from arkwright.core import versions
from arkwright.core.alarms import Reaction
from arkwright.core.nouns import Account, Actor, Endpoint
from arkwright.core.ports import Entry
from arkwright.core.record import decode, encode
from arkwright.infra import sqlite_ledger
from arkwright.monitor.measured import Found, Streak

ONE, TWO, THREE = (f"release:buys@{n}" for n in (1, 2, 3))
PROMISE = "psi(spent) < 0.2"
MORE = "drifted_columns() == 0"
NOW = 1_750_000_000
BROKEN, KEPT = Streak("broken", 0), Streak("kept", 0)


def up(at, reactions="", watch="", promises=(PROMISE,), **canary):
    """`buys@1` answers, and `buys@2` as the words say; with these reactions on record."""
    text = f"watch = {{ {watch} }}\n" if watch else ""
    text += f"promises = {list(promises)}\n".replace("'", '"')
    at.shop.edit("arkwright.toml", "[endpoint.buys]\n", f"[endpoint.buys]\n{text}")
    with (at.folder / "arkwright.toml").open("a") as file:
        file.write("".join(f"\n[[endpoint.buys.reactions]]\n{one}\n" for one in reactions))
    at.do(promote, release="buys@1")
    if canary:
        at.do(promote, release="buys@2", **canary)


def endpoint(at):
    return versions.resolve(at.site.ledger, Endpoint, "buys")


def found(release, streak=BROKEN, promise=PROMISE, until=NOW):
    return (Found(release, promise, until, until - 60, streak.verdict, 0.5, 0.4, 0.6, 900, "DE, FR"), streak)


def watched(at, *some, now=NOW):
    standing = alarms.follow(at.site, endpoint(at), list(some), lambda _: ((), ""))
    return standing, reacting.react(at.site, "buys", now)


def test_raised_once_and_over(two):
    up(two)
    first, made = watched(two, found(ONE))
    assert [(one.alarm.ref, one.state, one.alarm.value) for one in first] == [("alarm:buys/1", "raised", 0.5)]
    assert made == []
    assert [one.alarm.ref for one in watched(two, found(ONE, until=NOW + 60))[0]] == ["alarm:buys/1"]
    assert [one.alarm.ref for one in watched(two, found(ONE, Streak("unproven", 9)))[0]] == ["alarm:buys/1"]
    assert watched(two, found(ONE, KEPT))[0] == []
    assert [one.alarm.ref for one in watched(two, found(ONE))[0]] == ["alarm:buys/2"]
    everything = two.do(alarms.alarms)
    assert [(one.alarm.ref, one.state, one.ended is None) for one in everything.items] == [
        ("alarm:buys/2", "raised", True), ("alarm:buys/1", "over", False),
    ]  # fmt: skip
    page = two.do(alarms.alarms, about="buys", limit=1)
    assert [one.alarm.number for one in page.items] == [2]
    assert [one.alarm.number for one in two.do(alarms.alarms, limit=1, before=int(page.next)).items] == [1]
    assert [one.alarm.number for one in two.do(alarms.alarms, standing=True).items] == [2]


def test_only_after_it_was_broken_for_long_enough(two):
    up(two, watch='raise_after = "10m", clear_after = "1h"')
    assert watched(two, found(ONE, Streak("broken", 599)))[0] == []
    assert len(watched(two, found(ONE, Streak("broken", 600)))[0]) == 1
    assert len(watched(two, found(ONE, Streak("kept", 3599)))[0]) == 1
    assert watched(two, found(ONE, Streak("kept", 3600)))[0] == []


def test_after_a_clock_that_ran_ahead_nothing_waits_until_it_is_that_late_again(two, monkeypatch):
    two_things = ['do = ["notify"]\ntell = ["ann"]\nafter = "30m"', 'do = ["discuss"]\ncool_down = "3s"']
    up(two, two_things, promises=(PROMISE, MORE))
    watched(two, found(ONE, until=NOW + 86_400), now=NOW + 86_400)
    assert reacting.react(two.site, "buys", NOW + 86_380) == [], "the clock of another machine"
    assert [one.do for one in reacting.react(two.site, "buys", NOW + 7200)] == ["notify"]
    monkeypatch.setattr(reacting, "datetime", Yesterday)
    assert [one.do for one in watched(two, found(ONE, promise=MORE))[1]] == ["discuss"]


class Yesterday(reacting.datetime):
    @classmethod
    def now(cls, tz=None):
        return super().now(tz) - timedelta(days=1)


def test_a_release_that_left_leaves_its_alarms(two):
    up(two, share=0.2)
    watched(two, found(TWO))
    two.do(promote, release="buys@1", share=1.0)
    assert watched(two)[0] == []
    assert [one.state for one in two.do(alarms.alarms).items] == ["left"]


def test_who_was_a_shadow_was_here_already(two):
    up(two, shadow=True)
    (came,) = here.comings(two.site, "buys", TWO)
    two.do(promote, release="buys@2", share=1.0)
    assert here.comings(two.site, "buys", TWO) == [came]


def test_a_canary_is_halted_once(two):
    up(two, ['of = "canary"\ndo = ["halt"]'], share=0.2)
    _, made = watched(two, found(ONE), found(TWO))
    assert [(one.alarm, one.do, one.outcome, one.says) for one in made] == [
        ("alarm:buys/2", "halt", "done", f"halted {TWO}")
    ]
    now = endpoint(two)
    assert (now.shares, now.version) == ({ONE: 1.0}, 3)
    assert now.reason == f"halted {TWO}: {PROMISE} was broken (alarm:buys/2)"
    assert two.site.ledger.last(Endpoint.KIND, "buys@").by == "arkwright"
    assert watched(two, found(ONE))[1] == []
    assert endpoint(two).version == 3


def test_a_halt_spares_no_other_canary(two):
    up(two, ['of = "canary"\ndo = ["halt"]'], share=0.2)
    watched(two, found(TWO))
    two.do(promote, release="buys@2")
    two.do(promote, release="buys@1", share=0.2)
    _, made = watched(two, found(ONE))
    assert [one.says for one in made] == [f"halted {ONE}"]
    two.do(promote, release="buys@1", share=0.2)  # whoever lets it in again knows why
    watched(two, found(ONE, KEPT))
    assert [one.outcome for one in watched(two, found(ONE))[1]] == ["withheld"]
    assert endpoint(two).shares[ONE] == 0.2


def test_a_shadow_is_halted_too(two):
    up(two, ['do = ["halt"]'], shadow=True)
    _, made = watched(two, found(TWO))
    assert [one.outcome for one in made] == ["done"]
    assert (endpoint(two).shadows, endpoint(two).shares) == ((), {ONE: 1.0})


def test_the_live_release_is_not_halted_and_it_is_said_once(two):
    up(two, ['do = ["halt"]'])
    _, made = watched(two, found(ONE))
    assert [(one.outcome, one.says) for one in made] == [
        ("refused", f"{ONE} is the live release, which is not halted but rolled back")
    ]
    assert watched(two, found(ONE))[1] == []
    assert endpoint(two).version == 1


def test_back_to_the_last_release_that_kept_its_promises(two):
    up(two, ['do = ["rollback"]'], share=1.0)
    _, made = watched(two, found(TWO))
    assert [one.says for one in made] == [f"rolled back from {TWO} to {ONE}"]
    assert endpoint(two).shares == {ONE: 1.0}


def test_not_back_to_one_that_broke_its_own(two):
    up(two, ['of = "live"\ndo = ["rollback"]\nafter = "1h"'])
    watched(two, found(ONE))
    two.do(promote, release="buys@2", share=1.0)
    watched(two, found(TWO))
    _, made = watched(two, found(TWO, until=NOW + 3600), now=NOW + 3600)
    assert [one.outcome for one in made] == ["refused"]
    assert "which was rolled back from or broke a promise" in made[0].says
    assert endpoint(two).shares == {TWO: 1.0}


def test_what_the_gate_does_not_let_through_is_not_gone_back_to(two):
    up(two, ['do = ["rollback"]'], share=1.0)
    two.do(refuse, two.ben, release="buys@1", reason="it was never right")
    _, made = watched(two, found(TWO))
    assert [one.outcome for one in made] == ["refused"]
    assert f"{ONE} may not be deployed" in made[0].says
    assert endpoint(two).shares == {TWO: 1.0}


def test_the_fallback_takes_over(two):
    two.shop.edit("arkwright.toml", "[endpoint.buys]\n", '[endpoint.buys]\nfallback = "buys"\n')
    up(two, ['of = "live"\ndo = ["fallback"]'])
    _, made = watched(two, found(ONE))
    assert [one.says for one in made] == [f"fell back from {ONE} to {TWO}"]
    assert endpoint(two).shares == {TWO: 1.0}


def test_the_fallback_is_none_that_broke_a_promise_here_or_passed_another_gate(two, monkeypatch):
    two.shop.edit("arkwright.toml", "[endpoint.buys]\n", '[endpoint.buys]\nfallback = "buys"\n')
    up(two, share=1.0)
    ((alarmed,), _) = watched(two, found(TWO))
    case = deciding.Case(two.site, alarmed.alarm, Reaction(do=("fallback",)), "fallback")
    now = endpoint(two)
    with monkeypatch.context() as patched:
        strict = replace(now, terms=replace(now.terms, gate="strict"))
        patched.setattr(deciding.Case, "_endpoint", lambda _: strict)
        decided = case.decided(0)
    why = f"no release of buys for the gate strict may take over; {TWO} broke a promise here"
    assert (decided.outcome, decided.says) == ("refused", why)
    assert case.decided(0).says == f"fell back from {TWO} to {ONE}"


def test_a_discussion_with_those_who_are_named(two):
    up(two, ['do = ["discuss"]\ntell = ["dora"]'])
    watched(two, found(ONE))
    watched(two, found(ONE))
    (thread,) = two.do(threads, about="endpoint:buys").items
    (said,) = thread.remarks
    assert said.by == MACHINE.name
    assert PROMISE in said.text
    assert "found 0.5 (95 % interval 0.4 to 0.6, 900 rows); DE, FR" in said.text
    assert said.text.endswith("@dora")
    assert two.do(inbox, Actor(name="dora")).notices[0].why == "mentioned"
    assert "alarm:buys/1" in said.text


ROWS, TELL = "rows >= 1", 'do = ["notify"]\ntell = ["dora"]'


def test_one_alarm_swallows_no_other(two):
    reactions = [
        f'to = "{promise}"\ndo = ["notify"]\ntell = ["{who}"]' for promise, who in [(PROMISE, "dora"), (ROWS, "ada")]
    ]
    up(two, reactions, promises=(PROMISE, ROWS))
    _, made = watched(two, found(ONE), found(ONE, promise=ROWS))
    assert [(one.outcome, one.people) for one in made] == [("done", ("dora",)), ("done", ("ada",))]
    assert watched(two, found(ONE), found(ONE, promise=ROWS))[1] == []


def test_nor_where_it_takes_the_release_away(two):
    up(two, ['do = ["halt"]', f'to = "{ROWS}"\n{TELL}'], promises=(PROMISE, ROWS), share=0.2)
    _, made = watched(two, found(TWO), found(TWO, promise=ROWS))
    assert [(one.alarm, one.do, one.outcome) for one in made] == [
        ("alarm:buys/1", "halt", "done"), ("alarm:buys/2", "halt", "withheld"), ("alarm:buys/2", "notify", "done"),
    ]  # fmt: skip
    assert endpoint(two).version == 3


def test_others_are_told_later(two):
    up(two, ['do = ["notify"]\ntell = ["dora"]', 'after = "1h"\ndo = ["notify"]\ntell = ["ada"]'])
    assert [one.says for one in watched(two, found(ONE))[1]] == ["told dora"]
    assert watched(two, now=NOW + 3599)[1] == []
    assert [one.says for one in watched(two, now=NOW + 3600)[1]] == ["told ada"]


def test_what_has_not_cooled_down_is_said_once_and_done_when_it_has(two, monkeypatch):
    up(two, ['do = ["notify", "run"]\ntell = ["dora"]\ncool_down = "2h"'], promises=(PROMISE, ROWS))
    watched(two, found(ONE))
    watched(two, found(ONE, KEPT))
    _, made = watched(two, found(ONE), found(ONE, promise=ROWS))
    told = [(one.alarm, one.do, one.outcome) for one in made]
    assert told == [
        ("alarm:buys/2", "notify", "withheld"), ("alarm:buys/2", "run", "withheld"),
        ("alarm:buys/3", "notify", "done"), ("alarm:buys/3", "run", "withheld"),
    ]  # fmt: skip
    assert re.fullmatch(r"not before 20[-\dT:]* UTC: done about alarm:buys/1 at 20[-\dT:]* UTC", made[0].says)
    assert watched(two, found(ONE))[1] == []
    later = time.time() + 7201
    made = reacting.react(two.site, "buys", NOW, clock=lambda: later)
    assert [(one.do, one.outcome) for one in made if one.alarm == "alarm:buys/2"] == [
        ("notify", "done"), ("run", "begun"),
    ]  # fmt: skip


def test_nobody_named_is_said(two):
    up(two, ['do = ["notify"]'])
    assert [(one.outcome, one.says) for one in watched(two, found(ONE))[1]] == [
        ("refused", 'nobody is named: tell = ["…"] under the reaction')
    ]


def test_a_role_stands_for_the_people_who_sign_in_it(two):
    up(two)
    people = (("cleo", "contributor", "operations"), ("gone", "none", "operations"), ("dora", "viewer", "legal"))
    for name, role, signs in people:
        versions.move(two.site.ledger, "test", Account(name=name, version=1, role=role, signs=(signs,)))
    alarm = watched(two, found(ONE))[0][0].alarm
    case = deciding.Case(two.site, alarm, Reaction(do=("notify",), tell=("operations", "dora", "eve")), "notify")
    assert case.people() == ("dora", "cleo")


def test_where_a_role_has_nobody_any_more_it_is_said_that_nobody_is_told(two):
    up(two, ['do = ["notify"]\ntell = ["operations"]'])
    versions.move(two.site.ledger, "test", Account(name="cleo", version=1, role="none", signs=("operations",)))
    (made,) = watched(two, found(ONE))[1]
    assert (made.outcome, made.says) == ("refused", "nobody is let in here as operations, or signs as that")


def test_a_release_that_is_gone_takes_no_other_with_it(two):
    two.do(promote, release="buys@2")
    up(two, ['of = "canary"\ndo = ["halt", "rollback"]'], share=0.2)  # of 2 beside 1, which had followed 2
    _, made = watched(two, found(TWO))
    assert [(one.outcome, one.says) for one in made] == [
        ("done", f"halted {TWO}"), ("refused", f"{TWO} has left buys already"),
    ]  # fmt: skip
    assert endpoint(two).shares == {ONE: 1.0}


def test_a_dry_run_says_what_it_would_do(two):
    up(two, ['do = ["halt", "rollback", "run"]\nof = "canary"\ndry_run = true'], share=0.2)
    two.do(refuse, two.ben, release="buys@1", reason="it was never right")
    _, made = watched(two, found(TWO))
    assert [(one.do, one.outcome) for one in made] == [(do, "dry-run") for do in ("halt", "rollback", "run")]
    assert made[0].says.startswith(f"would be refused: {ONE} may not be deployed: ben (model-owner) refused")
    assert made[1].says.startswith("would be refused: ")
    assert made[2].says == "would be begun: runs the line again"
    assert endpoint(two).version == 2
    assert watched(two, found(TWO))[1] == []
    two.shop.edit("arkwright.toml", "dry_run = true", "dry_run = false")
    two.do(promote, release="buys@2", share=0.3)
    assert [one.do for one in watched(two, found(TWO))[1]] == ["halt", "rollback", "run"]


def test_what_was_raised_is_told_to_whoever_follows_the_endpoint(two):
    up(two, ['do = ["notify"]\ntell = ["dora"]'])
    watched(two, found(ONE))
    (mine, *_) = [notice for notice in two.do(inbox).notices if notice.why == "alarmed"]
    assert (mine.by, mine.says, mine.about) == ("arkwright", "raised", "alarm:buys/1")
    assert mine.then == f": {PROMISE} is broken by {ONE}"
    (told,) = two.do(inbox, Actor(name="dora")).notices
    assert (told.why, told.then) == ("alarmed", ": notify: told dora")


def test_in_a_rehearsal_a_move_that_was_tried_stands_until_the_endpoint_was_really_moved(two, monkeypatch):
    for hours, words in ((3, {"release": "buys@1"}), (2, {"release": "buys@2", "share": 0.2}), (1, {"share": 0.5})):
        then = datetime.now(UTC) - timedelta(hours=hours)
        monkeypatch.setattr(sqlite_ledger, "now", lambda then=then: then.isoformat(timespec="milliseconds"))
        two.do(promote, **{"release": "buys@2", **words})
    past = Past(two.site.ledger, "buys", time.time() - 5400)
    halted = replace(endpoint(two), version=3, shares={ONE: 1.0})
    past.append(MACHINE.name, [Entry(Endpoint.KIND, "buys@3", encode(halted))])
    assert decode(Endpoint, past.last(Endpoint.KIND, "buys@").body).shares == {ONE: 1.0}
    past.go_to(time.time() - 1800)
    assert decode(Endpoint, past.last(Endpoint.KIND, "buys@").body).shares == {ONE: 0.5, TWO: 0.5}
