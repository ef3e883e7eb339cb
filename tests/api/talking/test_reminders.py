"""What waits for whom, since when; and reminders, once a day while it waits."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from arkwright.api.decide import refuse, sign
from arkwright.api.promising.propose import propose
from arkwright.api.promising.review import review
from arkwright.api.talking.inbox import inbox
from arkwright.api.talking.reminders import Reminding, remind, waiting
from arkwright.core import versions
from arkwright.core.nouns import Account, Actor, Reminder

NOW = datetime.now(UTC)
PEOPLE = {"olga": ("owner", ()), "ben": ("viewer", ("model-owner",)), "bea": ("viewer", ("model-owner",)),
          "cleo": ("viewer", ("operations",)), "ana": ("owner", ("operations",))}  # fmt: skip


@pytest.fixture
def at(at):
    for name, (role, signs) in PEOPLE.items():
        versions.move(at.site.ledger, "test", Account(name=name, version=1, role=role, signs=signs))
    return at


def who(name):
    role, signs = PEOPLE[name]
    rights = ("look", "talk", *(("own",) if role == "owner" else ()))
    return Actor(name=name, proven=True, signs=signs, rights=rights)


def told(at, days):
    return [
        (one.about, one.people, one.roles, one.days) for one in remind(at.site, at.folder, NOW + timedelta(days=days))
    ]


def test_a_signature_waits_with_its_age(at):
    wanted = at.do(inbox, who("ben")).signatures[0]
    assert (wanted.release, wanted.roles) == ("release:buys@1", ("model-owner",))
    assert wanted.since == at.site.catalog.made_at("release", "buys", 1)
    assert at.do(inbox, who("ana")).signatures == ()  # its author


def test_who_can_sign_is_reminded_once_a_day_while_it_waits(at):
    assert [one.days for one in waiting(at.site, at.folder, NOW)] == [0]
    assert told(at, 0.5) == []
    both = ("release:buys@1", ("bea", "ben", "cleo"), ("model-owner", "operations"), 1)
    assert [
        (about, tuple(sorted(people)), tuple(sorted(roles)), days) for about, people, roles, days in told(at, 1.1)
    ] == [both]
    assert told(at, 1.1) == []
    at.do(sign, who("ben"), release="buys")
    assert told(at, 2.1) == [("release:buys@1", ("cleo",), ("operations",), 2)]
    at.do(refuse, who("bea"), release="buys", reason="no")
    assert told(at, 3.1) == []  # it waits for bea's change of mind, not for cleo
    at.do(sign, who("bea"), release="buys")
    at.do(sign, who("cleo"), release="buys")
    assert told(at, 4.1) == []


def test_a_reminder_stands_among_the_notices(at):
    remind(at.site, at.folder, NOW + timedelta(days=2))
    notices = at.do(inbox, who("cleo")).notices
    assert [(one.why, one.about, one.by, one.unread) for one in notices] == [
        ("reminded", "release:buys@1", "arkwright", True)
    ]
    assert not [one for one in at.do(inbox, who("olga")).notices if one.why == "reminded"]


def test_a_proposal_waits_for_those_who_may_review_it(at):
    limit = {"where": "gate.production", "promise": "roc_auc >= 0.65", "instead": "roc_auc >= 0.6", "reason": "x"}
    at.do(propose, who("ben"), **limit)
    assert [one.proposal.id for one in at.do(inbox, who("bea")).reviews] == [1]
    assert at.do(inbox, who("ben")).reviews == ()
    at.do(propose, who("ana"), where="data.buyers", promise="missing(spent) == 0", reason="x")
    assert [one.proposal.id for one in at.do(inbox, who("olga")).reviews] == [2, 1]
    assert [one.proposal.id for one in at.do(inbox, who("cleo")).reviews] == [1]
    found = {about: set(people) for about, people, _, _ in told(at, 1.1)}
    assert found["proposal:1"] == {"olga", "bea", "cleo", "ana"}
    assert found["proposal:2"] == {"olga"}
    at.do(review, who("olga"), proposal=1, accept=False, reason="no")
    assert "proposal:1" not in [about for about, *_ in told(at, 2.1)]


def test_who_was_shut_out_is_not_reminded(at):
    versions.move(at.site.ledger, "test", Account(name="cleo", version=2, role="none", signs=("operations",)))
    assert all("cleo" not in people for _, people, _, _ in told(at, 1.1))


def test_many_processes_remind_once(at):
    def work():
        remind(replace(at.site), at.folder, NOW + timedelta(days=1.1))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(list(at.site.ledger.find(Reminder.KIND))) == 1


def test_beside_the_control_room_it_stops_when_told(at, monkeypatch):
    looked = threading.Event()
    monkeypatch.setattr("arkwright.api.talking.reminders.remind", lambda *_: looked.set())
    with Reminding(at.site, at.folder) as reminding:
        assert looked.wait(20)
    assert not reminding._thread.is_alive()
