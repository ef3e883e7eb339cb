"""Known vulnerabilities, age and altered bytes of a release, as promises are judged on them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from arkwright.core.errors import Invalid, Unknown
from arkwright.core.promises import judge, parse
from arkwright.measures import binding, registry
from arkwright.measures.registry import Scope
from arkwright.measures.shipped import Advised, Advisory, Newer, Newest, Shipped
from arkwright.measures.words import sentence

NOW = datetime(2026, 11, 29, tzinfo=UTC)
PACKAGES = [("requests", "2.19.0"), ("jinja2", "2.10")]
HIGH = Advisory(package="requests", version="2.19.0", id="GHSA-1", severity="high", fixed="2.20.0")
LOW = Advisory(package="jinja2", version="2.10", id="GHSA-2", severity="low")
CRITICAL = Advisory(package="numpy", version="1.0", id="GHSA-3", severity="critical")
UNRATED = Advisory(package="jinja2", version="2.10", id="PYSEC-1")
UNSURE = Advisory(package="odd", version="built-by-hand", id="GHSA-4", severity="high", sure=False)


def found(text, *known, **more):
    advised = Advised(known=known, age="advisories of 2026-11-28 from all.zip", **more)
    return judged(text, Shipped(packages=PACKAGES, advised=advised))


def judged(text, given):
    promise = parse(text)
    measure = registry.measures()[promise.call.name]
    reading = binding.bind(promise.call, measure.stage, Scope(columns=()))(given)
    return judge(promise, reading).word, reading


@pytest.mark.parametrize(
    ("severity", "count"), [("low", 3), ("medium", 2), ("high", 2), ("critical", 1), ('"critical"', 1)]
)
def test_that_severity_or_worse_counts(severity, count):
    _, reading = found(f"vulnerabilities(severity={severity}) == 0", LOW, HIGH, CRITICAL)
    assert (reading.value, reading.low, reading.high) == (count, None, None)


def test_the_note_names_the_worst_first():
    word, reading = found("vulnerabilities(severity=high) == 0", HIGH, LOW, CRITICAL)
    assert word == "broken"
    assert reading.note == (
        "numpy 1.0: GHSA-3 critical; requests 2.19.0: GHSA-1 high (fixed in 2.20.0); "
        "2 packages, advisories of 2026-11-28 from all.zip"
    )


def test_none_is_kept_and_says_what_it_rests_on():
    word, reading = found("vulnerabilities(severity=high) == 0", LOW)
    assert (word, reading.value) == ("kept", 0)
    assert reading.note == "2 packages, advisories of 2026-11-28 from all.zip"


@pytest.mark.parametrize("doubt", [UNRATED, UNSURE])
def test_what_may_be_one_leaves_it_unproven(doubt):
    word, reading = found("vulnerabilities(severity=high) == 0", doubt)
    assert (word, reading.value, reading.high) == ("unproven", 0, 1)
    assert f"not counted: {doubt}" in reading.note
    assert found("vulnerabilities(severity=high) == 0", doubt, HIGH)[0] == "broken"
    assert found("vulnerabilities(severity=high) <= 1", doubt)[0] == "kept"


def test_an_entry_that_cannot_be_read_may_be_one():
    unread = {"unread": ("all.zip, 'x.json' cannot be read: it is cut off",), "unreadable": 1}
    word, reading = found("vulnerabilities(severity=high) == 0", **unread)
    assert word == "unproven"
    assert "'x.json' cannot be read" in reading.note


def test_old_advisories_or_none_prove_nothing():
    word, reading = found("vulnerabilities == 0", HIGH, stale="the advisories are 8 days old, at most 7d may be")
    assert (word, reading.value) == ("unproven", None)
    assert reading.note.startswith("the advisories are 8 days old")
    assert "GHSA-1" in reading.note  # but what is known is told
    assert found("vulnerabilities <= 9", stale="the advisories are 8 days old")[0] == "unproven"
    word, reading = judged(
        "vulnerabilities == 0", Shipped(packages=PACKAGES, advised=Advised(stale="there are no advisories"))
    )
    assert (word, reading.note) == ("unproven", "there are no advisories")
    assert judged("vulnerabilities == 0", Shipped(advised=Advised()))[0] == "unproven"


def test_many_are_told_in_a_bounded_line():
    _, reading = found("vulnerabilities == 0", *[HIGH] * 5000, *[UNRATED] * 5000)
    assert "and 4997 more" in reading.note
    assert len(reading.note) < 600


@pytest.mark.parametrize(
    "text", ["severity=hihg", "severity=3", "severity=recall(x)", 'severity=["high"]', '"moderate"']
)
def test_a_word_that_there_is_not(text):
    with pytest.raises(Unknown, match="severity is low, medium, high or critical"):
        found(f"vulnerabilities({text}) == 0")


def test_it_is_for_gates_and_endpoints_and_no_score():
    call = parse("vulnerabilities == 0").call
    assert binding.bind(call, registry.GATE, Scope(columns=()))
    with pytest.raises(Invalid, match="vulnerabilities measures a release, not a model"):
        binding.bind(call, "model", Scope(columns=()))
    with pytest.raises(Invalid, match="vulnerabilities measures a release, not a model"):
        binding.bind(parse("gap(vulnerabilities, by=a) <= 1").call, registry.GATE, Scope(columns=("a",)))
    with pytest.raises(Invalid, match="tampered_files measures a live release, not a model"):
        binding.bind(parse("tampered_files == 0").call, registry.GATE, Scope(columns=()))


def test_age_and_bytes():
    aged = Shipped(trained=NOW - timedelta(days=200), now=NOW)
    assert judged("model_age_days <= 180", aged)[0] == "broken"
    assert judged("model_age_days <= 200", aged)[1].value == 200
    assert judged("model_age_days <= 180", Shipped())[0] == "unproven"
    assert judged("tampered_files == 0", Shipped(files=9))[0] == "kept"
    word, reading = judged("tampered_files == 0", Shipped(files=9, altered=("model.onnx was changed",)))
    assert (word, reading.value, reading.note) == ("broken", 1, "model.onnx was changed")
    assert judged("tampered_files == 0", Shipped())[0] == "unproven"


def test_in_plain_words():
    assert sentence("vulnerabilities(severity=high) == 0") == (
        "Of known vulnerabilities rated high or worse the packages of the release have exactly 0"
    )
    assert sentence("model_age_days <= 180") == "The model was trained at most 180 days ago"
    assert sentence("tampered_files == 0") == ("Of the release that answers, no file has other bytes than were signed")


def aged(text, *newer, **more):
    newest = Newest(newer=newer, age="versions of 2026-11-28 from versions.json", **more)
    return judged(text, Shipped(packages=PACKAGES, newest=newest))


MAJOR = Newer(package="requests", version="2.19.0", newest="3.0", by="major")
MINOR = Newer(package="jinja2", version="2.10", newest="2.11", by="minor")
PATCH = Newer(package="numpy", version="1.0", newest="1.0.1", by="any")


@pytest.mark.parametrize(
    ("measure", "count"),
    [("outdated(major)", 1), ("outdated(minor)", 2), ("outdated", 3), ("outdated(behind=any)", 3)],
)
def test_packages_so_far_behind_count(measure, count):
    word, reading = aged(f"{measure} <= 0", PATCH, MINOR, MAJOR)
    assert (word, reading.value, reading.low, reading.high) == ("broken", count, None, None)
    assert reading.note.startswith("requests 2.19.0: 3.0")
    assert reading.note.endswith("2 packages, versions of 2026-11-28 from versions.json")
    assert aged(f"{measure} <= 0")[0] == "kept"


def test_packages_of_which_nobody_knows_leave_it_unproven():
    unknown = ("mine 0.1, no version of it is known",)
    word, reading = aged("outdated(major) <= 0", PATCH, unknown=unknown)
    assert (word, reading.value, reading.high) == ("unproven", 0, 1)
    assert f"not counted: {unknown[0]}" in reading.note
    assert aged("outdated(major) <= 0", MAJOR, unknown=unknown)[0] == "broken"
    assert aged("outdated(major) <= 0", MAJOR, stale="they are old")[1].note.startswith("they are old; requests")
    assert (
        judged("outdated <= 0", Shipped(packages=PACKAGES, newest=Newest(stale="nobody knows")))[1].note
        == "nobody knows"
    )
    assert judged("outdated <= 0", Shipped(newest=Newest()))[0] == "unproven"
    with pytest.raises(Unknown, match="behind is major, minor or any"):
        aged("outdated(mayor) <= 0")


def test_what_is_ignored_does_not_count_and_is_named():
    said = "by olga until 2026-12-31T00:00 UTC: no redirect is followed"
    aside = [replace(one, ignored=said) for one in (HIGH, UNRATED)]
    word, reading = found("vulnerabilities(severity=high) == 0", *aside, LOW)
    assert (word, reading.value, reading.high) == ("kept", 0, None)
    assert f"ignored: {HIGH}, {said}; " in reading.note
    assert f"ignored: {UNRATED}, {said}; " in reading.note
    assert found("vulnerabilities(severity=high) == 0", *aside, CRITICAL)[1].value == 1
    assert "ignored" not in found("vulnerabilities(severity=critical) == 0", aside[0])[1].note


def test_what_is_as_of_an_earlier_time_has_a_value_and_says_that_it_failed():
    advised, newest = Advised(age="of monday", failed=True), Newest(age="of monday", failed=True)
    for text in ("vulnerabilities() == 0", "outdated() == 0"):
        word, reading = judged(text, Shipped(packages=PACKAGES, advised=advised, newest=newest))
        assert (word, reading.failed) == ("kept", True)
