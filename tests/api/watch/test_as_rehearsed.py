"""What the watch does about real rows, by real reactions, is what a rehearsal of them says, before and after."""

from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.api.answering import answered, rows
from tests.notify.conftest import receiver
from tests.walked import copied

from arkwright.api.build import quiet
from arkwright.api.decide import refuse, sign
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch import log, reacting, rounds, window
from arkwright.api.watch.rehearsal import rehearse_watch
from arkwright.api.watch.rehearsed import Rehearsal
from arkwright.api.watch.window import Answers
from arkwright.core import versions
from arkwright.core.alarms import Alarm, Reacted
from arkwright.core.nouns import Endpoint
from arkwright.core.record import decode
from arkwright.infra import sqlite_ledger
from arkwright.notify import address, hooks, state
from arkwright.notify.hooks import Receiver
from arkwright.notify.outbox import Outbox
from arkwright.serve.tap import compact as compacting
from arkwright.serve.tap import labels, parts
from arkwright.serve.tap.scan import LATE_S
from arkwright.work import compact

__all__ = ["receiver"]  # a fixture
ONE, TWO, RULES = "release:buys@1", "release:buys@2", "release:rules@1"
FAR, OUT = "psi(spent) < 2", "out_of_range(spent) <= 0.5"
OF_LABELS = (
    "accuracy >= 0.45",
    "brier <= 0.5",
    "worst_group(accuracy, by=country) >= 0.4",
    "error_changes <= 0",
)
HOUR, LOOKS = 3600, 6
CAME = {ONE: "good good good bad bad bad", TWO: "good bad few bad good bad"}  # hour by hour
BEGAN = int(datetime.now(UTC).timestamp()) // 60 * 60 - (LOOKS + 1) * HOUR
FALLBACK = """
[model.rules]
from    = "visits"
target  = "again"
task    = "classification"
rules   = [{ name = "much", when = "spent > 70", answer = 1 }]
default = 0

[endpoint.rules]
model = "rules"
gate  = "production"
"""


@pytest.fixture(scope="module")
def came(walked_twice, tmp_path_factory, shop_at):
    """Two signed releases and a fallback of rules, and what both answered for some hours."""
    at = copied(walked_twice, shop_at(tmp_path_factory.mktemp("came") / "shop"))
    at.shop.edit("arkwright.toml", '"roc_auc >= 0.6", "agreement >= 0.9"', '"accuracy >= 0.6"')
    with (at.folder / "arkwright.toml").open("a") as file:
        file.write(FALLBACK)
    assert at.run().problem is None
    at.do(sign, at.ben, release="rules")
    at.do(sign, at.cleo, release="rules")
    with pytest.MonkeyPatch.context() as patched:
        for release, hours in CAME.items():
            for hour, kind in enumerate(hours.split()):
                some = rows(1 if kind == "few" else 200, shift=0 if kind == "good" else 200)
                ago = datetime.now(UTC).timestamp() - BEGAN - hour * HOUR - HOUR // 2
                answered(at, some, patched, ago=int(ago), release=release.partition(":")[2])
    compact.once(at.site)
    at.site.ledger.close()
    return at.folder


@pytest.fixture
def at(came, tmp_path, shop_at):
    made = copied(came, shop_at(tmp_path / "shop"))
    (made.folder / "arkwright.toml").write_text((came / "arkwright.toml").read_text())
    return made


def clock(patched, at):
    """What is written now was written half a minute after that moment, to which all is counted."""
    stamp = datetime.fromtimestamp(at + 30, UTC).isoformat(timespec="milliseconds")
    patched.setattr(sqlite_ledger, "now", lambda: stamp)
    patched.setattr(reacting, "time", SimpleNamespace(time=lambda: at + 30))
    patched.setattr(Answers, "look_over_time", lambda _: None)  # of pictures
    for module in (log, rounds):
        patched.setattr(module, "time", SimpleNamespace(time=lambda: at + LATE_S))


def agreed(at, *reactions, **watch):
    """The endpoint: the first release, and the second as a canary, on these terms."""
    said = ", ".join(f'{key} = "{value}"' for key, value in {"window": "1h", **watch}.items())
    words = f'fallback = "rules"\npromises = ["{FAR}", "{OUT}"]\nwatch = {{ {said} }}\n'
    at.shop.edit("arkwright.toml", "[endpoint.buys]\n", f"[endpoint.buys]\n{words}")
    with (at.folder / "arkwright.toml").open("a") as file:
        file.write("".join(f"\n[[endpoint.buys.reactions]]\n{one}\n" for one in reactions))
    with pytest.MonkeyPatch.context() as patched:
        clock(patched, BEGAN - 60)
        at.do(promote, release="buys@1")
        at.do(promote, release="buys@2", share=0.2)


def rehearsed(at, begin=0, end=LOOKS):
    since, until = (datetime.fromtimestamp(BEGAN + hours * HOUR, UTC) for hours in (begin, end))
    head = at.site.ledger.head()
    told = at.do(rehearse_watch, about="buys", since=since, until=until)
    assert at.site.ledger.head() == head
    return [
        (int(one.at.timestamp() - BEGAN) // HOUR, one.release, one.promise, one.what, one.outcome, one.note)
        for one in told
    ]


def watched(at):
    """Hour by hour, what went on record."""
    for hour in range(1, LOOKS + 1):
        with pytest.MonkeyPatch.context() as patched:
            clock(patched, BEGAN + hour * HOUR)
            rounds.rounds(at.site, ["buys"], lambda *_: "ran the line", quiet)
    found, known = [], {}
    for event in at.site.ledger.find():
        hour = int(datetime.fromisoformat(event.at).timestamp() - BEGAN) // HOUR
        if event.kind == Alarm.KIND:
            alarm = decode(Alarm, event.body)
            known[alarm.ref] = alarm
            if alarm.state != "left":
                found.append((hour, alarm.release, alarm.promise, alarm.state, "", alarm.note))
        elif event.kind == Reacted.KIND and not event.key.endswith("/ended"):
            done = decode(Reacted, event.body)
            alarm = known[done.alarm]
            found.append((hour, alarm.release, alarm.promise, done.do, done.outcome, done.says))
    return found


def same(at):
    """(hour, release, what was done, what came of it) once both agree on all that was found."""
    before = rehearsed(at)
    did = watched(at)
    assert before == did
    assert rehearsed(at) == did, "what was really moved since is no other past"
    return [(hour, release, what, outcome) for hour, release, _, what, outcome, _ in did if outcome]


def shares(at):
    return versions.resolve(at.site.ledger, Endpoint, "buys").shares


TELL = 'do = ["notify"]\ntell = ["dora"]'


def test_a_halted_canary_and_others_who_are_told_later(at):
    agreed(
        at, 'of = "canary"\ndo = ["halt", "notify"]\ntell = ["dora"]', f'after = "1h"\n{TELL.replace("dora", "ada")}'
    )
    assert same(at) == [
        (2, TWO, "halt", "done"), (2, TWO, "notify", "done"),
        (2, TWO, "halt", "withheld"), (2, TWO, "notify", "done"),
        (5, ONE, "notify", "done"), (5, ONE, "notify", "done"),
    ]  # fmt: skip
    assert shares(at) == {ONE: 1.0}


def test_a_dry_run_takes_nothing_away_and_an_alarm_that_comes_again_is_held_back(at):
    agreed(at, 'do = ["halt"]\nof = "canary"\ndry_run = true', f'of = "canary"\n{TELL}')
    tried = (2, TWO, "halt", "dry-run"), (2, TWO, "notify", "done")
    again = (6, TWO, "halt", "dry-run"), (6, TWO, "notify", "withheld")
    assert same(at) == [*tried, *tried, *again, *again]
    anew = [(hour, what, outcome) for hour, release, promise, what, outcome, _ in rehearsed(at, begin=3)
            if (release, promise) == (TWO, FAR)]  # fmt: skip
    held = [("raised", ""), ("halt", "dry-run"), ("notify", "withheld")]
    assert anew == [*((4, *one) for one in held), (5, "over", ""), *((6, *one) for one in held)], "told at 2 in fact"
    assert shares(at) == {ONE: 0.8, TWO: 0.2}


def test_what_cannot_be_rolled_back_falls_back_to_rules_and_the_line_is_run(at):
    agreed(at, 'of = "live"\ndo = ["rollback", "fallback", "run"]')
    assert same(at) == [
        (4, ONE, "rollback", "refused"), (4, ONE, "fallback", "done"), (4, ONE, "run", "begun"),
        (4, ONE, "rollback", "refused"), (4, ONE, "fallback", "withheld"), (4, ONE, "run", "withheld"),
    ]  # fmt: skip
    assert shares(at) == {RULES: 1.0}


def test_a_rollback_cools_down_and_is_refused_then(at):
    agreed(at, 'do = ["rollback"]\ncool_down = "3h"')
    held, refused = (4, ONE, "rollback", "withheld"), (5, ONE, "rollback", "refused")
    too_late = (2, TWO, "rollback", "withheld")
    assert same(at) == [(2, TWO, "rollback", "done"), too_late, held, held, refused, refused]
    assert shares(at) == {ONE: 1.0}


def test_a_fallback_that_may_not_take_over(at):
    with pytest.MonkeyPatch.context() as patched:
        clock(patched, BEGAN - 120)
        at.do(refuse, at.ben, release="rules@1", reason="too simple")
    agreed(at, 'of = "live"\ndo = ["fallback"]')
    refused = (4, ONE, "fallback", "refused")
    assert same(at) == [refused, refused]
    assert shares(at) == {ONE: 0.8, TWO: 0.2}


def test_broken_for_long_enough_whatever_was_unproven_in_between(at):
    agreed(at, TELL, raise_after="2h", clear_after="1h")
    first, then = (4, TWO, "notify", "done"), (6, ONE, "notify", "done")
    assert same(at) == [first, first, then, then]


def test_a_notifier_that_hangs_stops_no_look(at, receiver):
    agreed(at, TELL)
    hook = hooks.new("ci", 1, f"{receiver.url}/hang", "cloudevents", ("alarms",))
    state.begin(at.site.vault, hook.id, 0)
    hooks.add(at.site.vault, hook)
    told = [Receiver(hook, "urn:x", str, address.networks(["127.0.0.1/32"]))]
    with Outbox(at.site.ledger, at.site.vault, lambda: told, look=0.02):
        did = [(hour, what) for hour, release, promise, what, *_ in watched(at) if (release, promise) == (TWO, FAR)]
        receiver.wait("/hang")  # and nobody answers
        assert len(receiver.at("/hang")) == 1
        receiver.open.set()
    assert did == [(2, "raised"), (2, "notify"), (5, "over"), (6, "raised"), (6, "notify")]


def said_late(at, moment, rng, patched):
    """Just before a look labels of some rows come, which need not say what those before them did."""
    ids = set[tuple[str, int]]()
    for part in parts.Index(at.site.predictions / "buys").parts:
        table = pq.read_table(at.site.store.path(part.digest), columns=["id", "row", "at"])
        table = table.filter(pc.less(table["at"].cast(pa.int64()), moment * 10**6))
        ids |= {*zip(table["id"].to_pylist(), table["row"].to_pylist(), strict=True)}
    known = sorted(ids)
    some = [known[place] for place in rng.choice(len(known), min(120, len(known)), replace=False)] if known else []
    patched.setattr(labels.time, "time_ns", lambda: (moment + LATE_S - 1) * 10**9)
    with labels.Labels(at.site.predictions / "buys") as kept:
        kept.add([labels.Label(id_, int(rng.integers(0, 2)), row) for id_, row in some], "ana").result(60)


def test_of_labels_that_came_late_or_were_corrected_those_of_then_count(at, monkeypatch):
    """At every look that was made, on time or not, and whatever was joined or compacted since."""
    monkeypatch.setattr(compacting, "MERGE", 2)  # files are made anew all the while
    monkeypatch.setattr(window, "beside", lambda *_, **__: [])
    found = [], []
    notice, look = rounds._noticed, Rehearsal.look
    monkeypatch.setattr(
        rounds,
        "_noticed",
        lambda site, end, some, more: found[0].append([one.found() for one in some]) or notice(site, end, some, more),
    )
    monkeypatch.setattr(Rehearsal, "look", lambda self, when, some: found[1].append(some) or look(self, when, some))
    agreed(at, 'of = "canary"\ndo = ["notify"]\ntell = ["dora"]')
    labelled = ", ".join(f'"{one}"' for one in OF_LABELS)
    at.shop.edit("arkwright.toml", f'promises = ["{FAR}", "{OUT}"]', f"promises = [{labelled}]")
    with monkeypatch.context() as patched:
        clock(patched, BEGAN - 50)
        at.do(promote, release="buys@2", share=0.3)
    rng = np.random.default_rng(1)
    for hour, early in enumerate((0, 70, 1234), 1):
        with monkeypatch.context() as patched:
            said_late(at, BEGAN + hour * HOUR - early, rng, patched)
            clock(patched, BEGAN + hour * HOUR - early)
            rounds.rounds(at.site, ["buys"], lambda *_: "", quiet)
    rehearsed(at, end=3)
    assert any("rows have labels" in one.note for look in found[0] for one in look)
    assert found[1] == found[0]
