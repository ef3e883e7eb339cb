"""When a release may pass its gate, and who may sign it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.nouns import Decision, Finding, Gate, Release
from arkwright.core.rules import found, judge_gate, latest, may_sign

GATE = Gate(name="production", promises=("recall >= 0.7", "size_mb <= 5"), signed_by=("model-owner", "operations"))
RELEASE = Release(
    name="late", version=3, digest="d" * 64, recipe="r", run="run:line@1", model="model:late@3", gate=GATE,
    author="ann@x.org", files={},
)  # fmt: skip


def finding(promise, verdict="kept", digest="m", **more):
    return Finding(subject="model:late@3", digest=digest, promise=promise, verdict=verdict, value=0.8, **more)


def says(by, role, *, yes=True, digest=RELEASE.digest, reason="looked at it"):
    return Decision(release=RELEASE.ref, digest=digest, by=by, role=role, yes=yes, reason=reason)


KEPT = (finding("recall >= 0.7"), finding("size_mb <= 5"))
SIGNED = (says("bob", "model-owner"), says("cid", "operations"))


def judge(findings=KEPT, decisions=SIGNED, release=RELEASE):
    return judge_gate(release, "m", findings, decisions)


def test_all_kept_and_all_signed_passes():
    judgement = judge()
    assert judgement.passed
    assert judgement.missing == ()
    assert judgement.findings == KEPT
    assert judgement.signatures == SIGNED


@pytest.mark.parametrize("verdict", ["broken", "unproven"])
def test_what_is_not_kept_refuses(verdict):
    settle = "about 50 more rows would settle it"
    bad = finding("recall >= 0.7", verdict, low=0.6, high=0.9, n=100, more_rows=50)
    judgement = judge((bad, KEPT[1]))
    assert not judgement.passed
    assert judgement.missing == (
        f"recall >= 0.7 is {verdict}: found 0.8 (95 % interval 0.6 to 0.9, 100 rows); {settle}",
    )


def test_what_was_not_measured_refuses():
    assert judge(KEPT[:1]).missing == ("size_mb <= 5 was not measured",)
    assert not judge(KEPT[:1]).promises_kept


def test_a_finding_on_other_bytes_says_nothing():
    assert judge((KEPT[0], replace(KEPT[1], digest="other"))).unmeasured == ("size_mb <= 5",)


def test_the_latest_finding_counts():
    broken = finding("size_mb <= 5", "broken")
    assert not judge((*KEPT, broken)).passed
    assert judge((broken, *KEPT)).passed
    assert latest([broken, KEPT[1]], "m") == {"size_mb <= 5": KEPT[1]}


def test_a_signature_on_other_bytes_says_nothing():
    assert judge(decisions=(SIGNED[0], replace(SIGNED[1], digest="e" * 64))).unsigned == ("operations",)


def test_each_role_signs():
    assert judge(decisions=SIGNED[:1]).missing == ("no signature yet as operations",)
    assert judge(decisions=()).unsigned == GATE.signed_by


@pytest.mark.parametrize("author", ["ann@x.org", "Ann@X.org", "ANN@x.ORG"])
def test_the_author_never_counts(author):
    assert not judge(decisions=(says(author, "model-owner"), SIGNED[1])).passed
    assert "never counts" in str(may_sign(RELEASE, author, "operations", ()))


def test_who_trained_the_model_for_somebody_else_never_counts():
    others = replace(RELEASE, trained_by=("Bob",))
    assert "bob trained the model of" in str(may_sign(others, "bob", "operations", ()))


@pytest.mark.parametrize("again", ["bob", "Bob", "BOB", " bob ", "\uff42ob"])
def test_one_person_signs_one_role(again):
    both = (says("bob", "model-owner"), says(again, "operations"))
    assert judge(decisions=both).unsigned == ("operations",)
    assert "already signed" in str(may_sign(RELEASE, again, "operations", both[:1]))
    assert may_sign(RELEASE, again, "model-owner", both[:1]) is None  # again in the same role


def test_a_role_the_gate_does_not_ask_for():
    assert "asks for model-owner, operations" in str(may_sign(RELEASE, "bob", "legal", ()))
    assert judge(decisions=(*SIGNED[:1], says("cid", "legal"))).unsigned == ("operations",)
    nobody = replace(RELEASE, gate=replace(GATE, signed_by=()))
    assert "nobody's signature" in str(may_sign(nobody, "bob", "operations", ()))


def test_a_no_refuses_until_the_same_person_says_yes():
    no = says("dan", "operations", yes=False, reason="too slow")
    judgement = judge(decisions=(*SIGNED, no))
    assert not judgement.passed
    assert judgement.missing == ("dan (operations) refused: too slow",)
    assert not judge(decisions=(no, *SIGNED)).passed  # a later Yes of another person does not lift it
    assert judge(decisions=(no, *SIGNED, says("dan", "operations"))).passed
    assert judge(decisions=(no, *SIGNED, says("Dan", "operations"))).passed  # the same person, spelt otherwise
    assert not judge(decisions=(*SIGNED, says("cid", "operations", yes=False))).passed  # a changed mind
    assert judge(decisions=(*SIGNED, replace(no, digest="e" * 64))).passed


def test_a_gate_without_promises_or_signatures_passes():
    empty = replace(RELEASE, gate=Gate(name="open", promises=(), signed_by=()))
    assert judge((), (), empty).passed


def test_a_finding_as_people_read_it():
    assert found(finding("m")) == "found 0.8"
    assert found(finding("m", note="the column x")) == "found 0.8; the column x"
    nothing = replace(finding("m"), value=None, note="no row is positive")
    assert found(nothing) == "nothing could be found: no row is positive"
    assert found(replace(nothing, note="")) == "nothing could be found"


_people, _roles = st.sampled_from(["ann@x.org", "bob", "Bob", "cid"]), st.sampled_from([*GATE.signed_by, "legal"])
_decisions = st.lists(st.builds(says, _people, _roles, yes=st.booleans()), max_size=8)


@given(_decisions)
def test_whatever_is_said_a_pass_means_two_different_people_who_are_not_the_author(decisions):
    judgement = judge(decisions=decisions)
    if judgement.passed:
        signers = {d.by.casefold() for d in judgement.signatures}
        assert len(signers) == 2
        assert RELEASE.author not in signers
        assert {d.role for d in judgement.signatures} == set(GATE.signed_by)
    assert judgement.passed == (not judgement.missing)


@given(_decisions, _people, _roles)
def test_one_more_no_never_opens_a_gate(decisions, who, role):
    assert not judge(decisions=[*decisions, says(who, role, yes=False)]).passed


@given(
    st.lists(
        st.builds(finding, st.sampled_from(GATE.promises), st.sampled_from(["kept", "broken", "unproven"])), max_size=6
    )
)
def test_promises_are_kept_only_when_the_latest_of_each_is(findings):
    last = {f.promise: f.verdict for f in findings}
    assert judge(findings).promises_kept == (last == dict.fromkeys(GATE.promises, "kept"))
