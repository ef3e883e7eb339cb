"""Realised performance: the measures of a gate, on the rows of a window whose labels have come, whatever came."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from tests.api import answering

from arkwright.api.decide import sign
from arkwright.api.endpoints.logged import label
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch import answered, labelled, log
from arkwright.api.watch.beside import asked
from arkwright.api.watch.log import LoggedWindow
from arkwright.api.watch.rounds import watch
from arkwright.core.nouns import Column
from arkwright.core.promises import parse
from arkwright.core.signature import Signature
from arkwright.serve.tap import writer
from arkwright.serve.tap.compact import compact
from arkwright.serve.tap.labels import Label, Labels
from arkwright.serve.tap.writer import Tap
from arkwright.sites import Site

COLUMNS = (
    Column(name="country", type="str", nullable=True),
    Column(name="spent", type="float", nullable=True),
    Column(name="at", type="date", nullable=True),  # a name that the log has itself
    Column(name="vip", type="bool", nullable=True),
    Column(name="prediction", type="int", nullable=True),
)


class Logged:
    """An endpoint that answered, with a signature of ours."""

    def __init__(self, root, monkeypatch, classes=(0, 1)):
        self.site, self.monkeypatch = Site(root), monkeypatch
        self.folder = self.site.predictions / "buys"
        self.folder.mkdir(parents=True)
        task = "classification" if classes else "regression"
        self.shape = Signature(
            model="buys", task=task, target="again", columns=COLUMNS, inputs=(), outputs=(), classes=classes
        )
        monkeypatch.setattr(log, "signature", lambda site, release: self.shape)

    def answer(self, rows, said, name="r", *, ago=600, redact=(), status=200, release="release:buys@1", each=1):
        """Each row is a request of its own, `r0`, `r1` …, answered so many seconds ago."""
        clock = time.time_ns
        with self.monkeypatch.context() as patched:
            patched.setattr(writer.time, "time_ns", lambda: clock() - ago * 10**9)
            tap = Tap(self.folder, "buys", redact=redact)
            number = tap.release(release, "ab" * 32, self.shape)
            for n, (row, one) in enumerate(zip(rows, said, strict=True)):
                body = json.dumps({c.name: None for c in COLUMNS} | row).encode()
                tap.add(number, f"{name}{n}".encode(), b"me", body, json.dumps(one).encode(), 400, status)
            tap.close()
        with self.site.scratch("test") as scratch:
            compact(self.folder, self.site.store, scratch)

    def label(self, values, name="r"):
        with Labels(self.folder) as kept:
            kept.add([Label(f"{name}{n}", one) for n, one in enumerate(values) if one is not None], "me").result(60)

    def window(self, days=1):
        until = datetime.now(UTC)
        return LoggedWindow(
            site=self.site, folder=self.folder, release=SimpleNamespace(ref="release:buys@1"),
            since=until - timedelta(days=days), until=until,
        )  # fmt: skip

    def found(self, *texts):
        """The readings, in this order."""
        promises = {text: asked(parse(text)) for text in texts}
        readings = labelled.readings(self.window(), promises)
        return [readings[text] for text in texts]


@pytest.fixture
def logged(tmp_path, monkeypatch):
    return Logged(tmp_path / "site", monkeypatch)


def yes(p, label=None):
    return {"prediction": {"label": int(p >= 0.5) if label is None else label, "probabilities": {"0": 1 - p, "1": p}}}


def some(n, seed=1):
    """(rows, probabilities, truth)"""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1, n)
    rows = [{"country": str(rng.choice(["DE", "FR"])), "vip": bool(v)} for v in rng.integers(0, 2, n)]
    return rows, p, (rng.uniform(0, 1, n) < p).astype(int)


def test_as_counted_by_hand(logged):
    rows, p, truth = some(400)
    logged.answer(rows, map(yes, p))
    logged.label([int(one) if n < 300 else None for n, one in enumerate(truth)])
    recall, auc, brier, worst, gap = logged.found(
        "recall >= 0.5", "roc_auc >= 0.5", "brier <= 1", "worst_group(recall, by=country) >= 0",
        "gap(accuracy, by=vip) <= 1",
    )  # fmt: skip
    truth, p, rows = truth[:300], p[:300], rows[:300]
    said = p >= 0.5
    assert recall.value == pytest.approx(said[truth == 1].mean())
    assert recall.low < recall.value < recall.high
    assert (recall.n, recall.note) == (300, "300 of 400 rows have labels")
    pairs = p[truth == 1][:, None] - p[truth == 0][None, :]
    assert auc.value == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert brier.value == pytest.approx(((p - truth) ** 2).mean())
    country = np.array([row["country"] for row in rows])
    assert worst.value == pytest.approx(min(said[(truth == 1) & (country == c)].mean() for c in ("DE", "FR")))
    assert worst.note.startswith("300 of 400 rows have labels; ")
    assert "of 2 groups" in gap.note
    assert "true" in gap.note


def test_no_row_and_no_label(logged):
    assert [(one.value, one.n, one.note) for one in logged.found("recall > 0")] == [(None, 0, "no rows came")]
    logged.answer([{}] * 3, [yes(0.9)] * 3)
    logged.label([1, 1], name="nobody")  # of ids that were never answered
    (one,) = logged.found("recall > 0")
    assert (one.value, one.n) == (None, 0)
    assert one.note == "none of the 3 rows has a label yet; send labels: arkwright label buys"


def test_the_last_label_and_the_last_answer_count(logged):
    logged.answer([{}] * 4, [yes(0.9)] * 4)
    logged.answer([{}] * 2, [yes(0.1)] * 2, ago=500)  # r0 and r1 were asked again
    logged.label([1, 1, 1, 1])
    logged.label([0, None, None, None])
    (one,) = logged.found("accuracy > 0")
    assert (one.value, one.n) == (0.75, 4)  # r0 is right by now, r1 wrong
    assert one.note == "4 of 6 rows have labels"


def test_of_an_hour_that_the_window_cuts_only_what_came_before_its_end(logged):
    middle = int(time.time()) // 3600 * 3600 - 1800
    for name, at, truth in (("r", middle - 300, 1), ("later", middle + 300, 0)):
        logged.answer([{}] * 10, [yes(0.9)] * 10, name, ago=int(time.time()) - at)
        logged.label([truth] * 10, name)
    window, text = replace(logged.window(), until=datetime.fromtimestamp(middle, UTC)), "accuracy >= 0.5"
    found = labelled.readings(window, {text: asked(parse(text))})[text]
    assert (found.value, found.n, found.note) == (1, 10, "10 of 10 rows have labels")


def test_only_of_this_window_and_release_and_answered_well(logged):
    logged.answer([{}], [yes(0.9)], "old", ago=2 * 86400)
    logged.answer([{}], [yes(0.9)], "other", release="release:buys@2")
    logged.answer([{}], [{"error": "no"}], "bad", status=422)
    logged.answer([{}, {}], [yes(0.9), yes(0.1)], "mine")
    for name in ("old", "other", "bad", "mine"):
        logged.label([0, 0], name)
    (one,) = logged.found("accuracy > 0")
    assert (one.value, one.n, one.note) == (0.5, 2, "2 of 2 rows have labels")


def test_what_a_rule_answered_has_no_score(logged):
    rows, p, truth = some(200)
    by_rule = [{"prediction": {"label": 1}, "rule": "vip"} for _ in range(50)]
    logged.answer(rows, [*map(yes, p[:150]), *by_rule])
    logged.label([int(one) for one in truth])
    recall, auc = logged.found("recall > 0", "roc_auc > 0")
    said = np.concatenate([p[:150] >= 0.5, np.ones(50, bool)])
    assert recall.value == pytest.approx(said[truth == 1].mean())
    assert auc.n == 150
    assert auc.note == "200 of 200 rows have labels; without 50 that have no score"


def test_a_label_that_is_no_class_of_this_release_is_a_wrong_answer(logged):
    logged.answer([{}] * 8, [yes(0.9)] * 4 + [yes(0.1)] * 2 + [yes(0.9), {"prediction": {}}])
    logged.label([1, 1, 0, 2, 0, "x", "1", 1])
    right, precise, specific, brier, changed = logged.found(
        "accuracy > 0", "precision > 0", "specificity > 0", "brier < 1", "error_changes() == 0"
    )
    assert (right.value, precise.value, specific.value) == pytest.approx((4 / 7, 3 / 5, 1 / 2))
    assert right.note == (
        "7 of 8 rows have labels, 2 of them of a class that release:buys@1 does not have, "
        "not counting 1 whose answer is no class of release:buys@1"
    )
    assert brier.n == 5
    assert brier.note == f"{right.note}; without 2 of a class that the model does not have"
    assert changed.note.endswith("there are 7 of the 32 rows after which a change shows")


@pytest.mark.parametrize("classes", [(0, 1), (False, True), ("0", "1")])
def test_a_class_is_one_however_its_labels_are_kept(tmp_path, monkeypatch, classes):
    """As where a release of 0 and 1 stands beside one of false and true: to Python they are equal."""
    logged = Logged(tmp_path / "site", monkeypatch, classes=classes)
    logged.answer([{}] * 6, [{"prediction": {"label": classes[1]}}] * 6)
    logged.label([1, 1.0, "1", True, "true", "1e0"])
    (one,) = logged.found("accuracy > 0")
    assert one.value == pytest.approx(5 / 6)


def test_nothing_but_labels_that_are_no_class(logged):
    logged.answer([{"country": "DE"}] * 60, [yes(0.9)] * 60)
    logged.label(["x"] * 60)
    right, auc, worst = logged.found("accuracy > 0", "roc_auc > 0", "worst_group(accuracy, by=country) > 0")
    assert (right.value, right.n, auc.value, worst.value) == (0, 60, None, 0)
    assert auc.note.endswith("without 60 of a class that the model does not have; there are no rows")


def test_one_class_and_one_row_prove_nothing(logged):
    logged.answer([{}] * 60, [yes(0.9)] * 60)
    logged.label([1])
    assert [one.value for one in logged.found("roc_auc > 0", "brier < 1")] == [None, None]
    logged.label([1] * 60)
    auc, recall = logged.found("roc_auc > 0", "recall > 0.5")
    assert auc.note == "60 of 60 rows have labels; every row is positive"
    assert recall.value == 1


def test_a_group_that_was_redacted_for_a_while(logged):
    rows, p, truth = some(100)
    logged.answer(rows, map(yes, p))
    logged.answer(rows, map(yes, p), "more", redact=("country",))
    logged.label([int(one) for one in truth])
    worst, recall = logged.found("worst_group(recall, by=country) > 0", "recall > 0")
    assert (worst.value, worst.note) == (None, "country is redacted in rows of this window: nothing can be said of it")
    assert recall.note == "100 of 200 rows have labels"


def test_groups_of_every_kind_and_of_nothing(logged):
    logged.answer([{"at": "2026-01-01", "prediction": n % 2, "spent": None} for n in range(120)], [yes(0.9)] * 120)
    logged.label([n % 2 for n in range(120)])
    names = ("at", "prediction", "spent")
    found = logged.found(*(f"worst_group(accuracy, by={name}) >= 0" for name in names), "gap(accuracy, by=country) < 1")
    assert [one.value for one in found] == [0.5, 0.0, 0.5, None]
    assert "2026-01-01 0.5 (120 rows)" in found[0].note
    assert "(missing) 0.5" in found[2].note


def test_of_several_classes(tmp_path, monkeypatch):
    logged = Logged(tmp_path / "site", monkeypatch, classes=("a", "b", "c"))
    rng = np.random.default_rng(1)
    chances = rng.dirichlet([1, 1, 1], 200)
    truth = [str(rng.choice(["a", "b", "c"], p=p)) for p in chances]
    said = [
        {"prediction": {"label": "abc"[p.argmax()], "probabilities": dict(zip("abc", p, strict=True))}} for p in chances
    ]
    logged.answer([{}] * 200, said)
    logged.label(truth)
    accuracy, top, auc = logged.found("accuracy > 0", "top_k_accuracy(k=2) > 0", "roc_auc > 0.5")
    assert accuracy.value == np.mean(["abc"[p.argmax()] == t for p, t in zip(chances, truth, strict=True)])
    assert accuracy.value < top.value < 1
    assert auc.value > 0.5


def test_of_several_classes_of_which_one_did_not_come(tmp_path, monkeypatch):
    logged = Logged(tmp_path / "site", monkeypatch, classes=("a", "b", "c"))
    logged.answer([{}] * 4, [{"prediction": {"label": one}, "rule": "vip"} for one in "aabb"])
    logged.label(["a", "b", "b", "b"])
    recall, positive = logged.found("recall > 0", "positive_rate > 0")
    assert recall.value == pytest.approx((1 + 2 / 3) / 2)  # of "b" alone it were 2 / 3
    assert positive.note.endswith("positive_rate needs a model of two classes; this one has 3")


def test_of_numbers(tmp_path, monkeypatch):
    logged = Logged(tmp_path / "site", monkeypatch, classes=())
    logged.answer([{}] * 7, [{"prediction": {"value": v}} for v in (1, 2, 3.5, 4, 5, "broken", 9)])
    logged.label([1, 2, 3, 4, None, 6.0, True])
    mae, recall = logged.found("mae < 1", "recall > 0")
    assert mae.value == pytest.approx(0.125)
    assert mae.note == "4 of 7 rows have labels, not counting 2 whose label or answer is no number"
    assert (recall.value, recall.note) == (None, "recall is for classification; this model does regression")


def test_what_traffic_cannot_tell(logged):
    size, group, near = logged.found("size_mb < 1", "worst_group(agreement, by=country) > 0", "recal > 0.5")
    assert size.note.startswith("size_mb cannot be measured on traffic: it is of the release's files")
    assert group.note.startswith("agreement cannot be measured on traffic")
    assert 'did you mean "recall"' in near.note


def promoted(at, promises, *, window):
    """The endpoint `buys` with these promises, whose labels come two days late."""
    late = f'watch = {{ window = "{window}", labels_after = "2d" }}\n'
    at.shop.edit("arkwright.toml", 'gate  = "production"\n', f'gate  = "production"\npromises = {promises}\n{late}')
    for who in (at.ben, at.cleo):
        at.do(sign, who, release="buys")
    at.do(promote, release="buys")


def labelled_in_turn(at, ago):
    """The 300 rows of so many seconds ago: no and yes in turn."""
    labels = [{"id": f"r{ago}-{n // 100 * 100}", "row": n % 100, "label": n % 2} for n in range(300)]
    at.do(label, endpoint="buys", labels=labels)


def test_where_labels_come_late_what_rests_on_them_is_of_an_earlier_window(at, monkeypatch):
    """Two days ago rows came, and their labels later; now others come."""
    promoted(at, '["recall >= 0.1", "estimated(recall) >= 0.1", "rows >= 1"]', window="1d")
    day = 86_400
    answering.answered(at, answering.rows(300), monkeypatch, ago=2 * day + 3600)
    answering.answered(at, answering.rows(100), monkeypatch, ago=600)
    labelled_in_turn(at, 2 * day + 3600)
    found = {one.promise: one for one in at.do(watch, names=["buys"])}
    assert (found["estimated(recall) >= 0.1"].n, found["rows >= 1"].value) == (100, 100)
    realised = found["recall >= 0.1"]
    assert realised.note == "300 of 300 rows have labels"
    assert (found["rows >= 1"].until - realised.until).total_seconds() == 2 * day


def test_what_needs_no_label_rests_on_all_that_was_answered(logged):
    texts = (
        "selection_rate_ratio(by=country) >= 0",
        "positive_rate(threshold=0.2) >= 0",
        "gap(positive_rate, by=vip) <= 1",
    )
    assert [(one.value, one.n, one.note) for one in logged.found(*texts)] == [(None, 0, "no rows came")] * 3
    rows, p, truth = some(400)
    logged.answer(rows, map(yes, p))
    country, vip = np.array([row["country"] for row in rows]), np.array([row["vip"] for row in rows])
    before = logged.found(*texts)
    rates = sorted((p >= 0.5)[country == one].mean() for one in ("DE", "FR"))
    assert before[0].value == pytest.approx(rates[0] / rates[1])
    assert before[1].value == pytest.approx((p >= 0.2).mean())
    assert before[2].value == pytest.approx(abs((p >= 0.5)[vip].mean() - (p >= 0.5)[~vip].mean()))
    assert before[1].note == "400 rows, whether they have labels or not"
    logged.label([int(one) if n < 100 else None for n, one in enumerate(truth)])
    assert logged.found(*texts) == before
    recall, _ = logged.found("recall >= 0", texts[0])
    assert recall.note == "100 of 400 rows have labels"


def test_of_very_many_rows_that_need_no_label_some_are_looked_at(logged, monkeypatch):
    monkeypatch.setattr(answered, "MOST", 250)
    rows, p, _ = some(1000, seed=2)
    logged.answer(rows, map(yes, p))
    (rate,) = logged.found("positive_rate(threshold=0.5) >= 0")
    assert 150 < rate.n < 350
    assert rate.note == f"{rate.n} of 1,000 rows, whether they have labels or not"
    assert rate.low < (p >= 0.5).mean() < rate.high


def test_the_last_rows_that_are_old_enough_are_meant_where_labels_come_late(at, monkeypatch):
    """Of two days ago, in an hour of which no minutes are kept, and of now; the last rows of all are of now."""
    promoted(at, '["recall >= 0.1", "positive_rate >= 0"]', window="200 rows")
    ago = 2 * 86_400 + 1800
    answering.answered(at, answering.rows(300), monkeypatch, ago=ago)
    answering.answered(at, answering.rows(400), monkeypatch, ago=600)
    labelled_in_turn(at, ago)
    found = {one.promise: one for one in at.do(watch, names=["buys"])}
    assert found["recall >= 0.1"].note == "300 of 300 rows have labels"
    assert found["positive_rate >= 0"].n == 400
