"""Releases in lists: every one, the newest first, and those that stand in one way before their gate."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.catalog.test_catalog import site

from arkwright.api import decide, every_release
from arkwright.catalog import evidence, releases
from arkwright.core import versions
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Account, Actor, Decision, Endpoint, Finding, Gate, Model, Release
from arkwright.core.ports import Entry
from arkwright.core.record import encode
from arkwright.core.rules import STANDINGS
from arkwright.sites import Site

__all__ = ["site"]  # a fixture
PROMISES, ROLES = ("auc >= 0.6", "size_mb <= 5"), ("model-owner", "operations")
ANA = Actor(name="ana")


def release(site, number, name="late", promises=PROMISES, roles=ROLES):
    made = {"name": name, "version": 0, "recipe": "r", "run": "run:late@1"}
    words = {"task": "classification", "format": "onnx", "files": {}}
    model = versions.add(site.ledger, "ana", Model(**made, digest=f"m{number}", **words))
    gate = Gate(name="production", promises=promises, signed_by=roles)
    noun = Release(**made, digest=f"r{number}", model=model.ref, gate=gate, author="ana", files={})
    return versions.add(site.ledger, "ana", noun), model


def found(site, model, *verdicts):
    for promise, verdict in zip(PROMISES, verdicts, strict=False):
        finding = Finding(subject=model.ref, digest=model.digest, promise=promise, verdict=verdict, value=1.0)
        versions.add_findings(site.ledger, "ana", [finding])


def said(site, noun, by, role, yes):
    words = {"by": by, "role": role, "yes": yes, "reason": "", "proven": True}
    key = f"{noun.digest}/{by}/{role}/{site.ledger.head()}"
    site.ledger.append(by, [Entry(Decision.KIND, key, encode(Decision(release=noun.ref, digest=noun.digest, **words)))])


def listed(site, **words):
    """Every reference, in pages of two."""
    refs, after = [], None
    while True:
        page = every_release.listed(site, ANA, site.folder, limit=2, after=after, **words)
        refs += [one.release.ref.partition(":")[2] for one in page.items]
        after = page.next
        if not after:
            return refs


def test_all_of_them_in_pages_without_gap_or_overlap(site):
    for number in range(7):
        release(site, number, name=("late", "early")[number % 2])
    assert listed(site) == ["late@4", "early@3", "late@3", "early@2", "late@2", "early@1", "late@1"]
    assert listed(site, name="early") == ["early@3", "early@2", "early@1"]
    assert listed(site, name="nothing") == []
    for words in ({"standing": "pased"}, {"after": "x"}, {"limit": 0}):
        with pytest.raises(Invalid):
            every_release.listed(site, ANA, site.folder, **words)


def test_those_that_answer(site):
    for number in range(5):
        release(site, number)
    moved = Endpoint(name="late", version=1, shares={"release:late@2": 0.9}, shadows=("release:late@4",))
    versions.move(site.ledger, "ana", moved)
    assert listed(site, standing="answers") == ["late@2"]
    first = every_release.listed(site, ANA, site.folder).items
    assert [one.answers for one in first] == [False, False, False, True, False]
    versions.move(site.ledger, "ana", Endpoint(name="late", version=2, shares=moved.shares, stopped="ana"))
    assert listed(site, standing="answers") == []


def test_what_cannot_stand_so_is_not_judged(site, monkeypatch):
    """Of a thousand releases few have passed, and the others cost no more than a look at an index."""
    made = [release(site, number) for number in range(4)]
    for (noun, model), roles in zip(made, (ROLES, ROLES, ROLES[:1], ()), strict=True):
        found(site, model, "kept", "broken" if noun.version == 1 else "kept")
        for number, role in enumerate(roles):
            said(site, noun, f"ben{number}", role, yes=True)
    judged, judge = [], releases.judge_gate
    monkeypatch.setattr(releases, "judge_gate", lambda noun, *rest: judged.append(noun.version) or judge(noun, *rest))
    for standing, refs, looked_at in (
        ("passed", ["late@2"], [2]),
        ("waits", ["late@4", "late@3"], [4, 3, 2, 1]),
        ("refused", ["late@1"], [1]),
    ):
        judged.clear()
        assert listed(site, standing=standing) == refs
        assert sorted(set(judged)) == sorted(looked_at), standing


def test_of_whom_has_signed_a_decision_looks_at_nobody_else(site, monkeypatch):
    """Of a thousand releases with two signatures each, on a site of many people."""
    for number in range(9):
        versions.move(site.ledger, "ana", Account(name=f"ben{number}", version=1, role="viewer", signs=ROLES))
    noun, model = release(site, 1)
    found(site, model, "kept", "kept")
    for number, role in enumerate(ROLES):
        said(site, noun, f"ben{number + 5}", role, yes=True)
    asked, counts = [], evidence.counts
    monkeypatch.setattr(evidence, "counts", lambda *given: asked.append(len(given[2])) or counts(*given))
    assert listed(site, standing="waits") == []
    assert asked == [2, 2]  # the first of all, and their own


VERDICT, SAID = st.sampled_from(["kept", "broken", "unproven"]), st.sampled_from([*ROLES, "nobody"])
ONE = st.fixed_dictionaries(
    {
        "promises": st.sampled_from([PROMISES, PROMISES[:1], ()]),
        "roles": st.sampled_from([ROLES, ROLES[:1], ()]),
        "verdicts": st.lists(st.just("kept") | VERDICT, max_size=2),
        "said": st.lists(st.tuples(st.sampled_from(["ana", "ben", "cleo"]), SAID, st.booleans()), max_size=3),
    }
)


@settings(max_examples=25)
@given(asked=st.lists(ONE, max_size=6), accounts=st.booleans())
def test_the_filter_says_what_the_gate_says(tmp_path_factory, asked, accounts):
    """Whatever was found and said, of whomever: the catalog's short way gives what judging each by itself gives."""
    site = Site(tmp_path_factory.mktemp("site"))
    if accounts:
        for name in ("ben", "cleo"):
            versions.move(site.ledger, "ana", Account(name=name, version=1, role="viewer", signs=ROLES[:1]))
    made = []
    for number, one in enumerate(asked):
        noun, model = release(site, number, promises=one["promises"], roles=one["roles"])
        made.append(noun)
        found(site, model, *one["verdicts"])
        for by, role, yes in one["said"]:
            said(site, noun, by, role, yes)
    judged = dict(zip((noun.ref for noun in made), decide.at_a_glance(site, made), strict=True))
    for standing in STANDINGS:
        wanted = [noun.ref.partition(":")[2] for noun in reversed(made) if judged[noun.ref].standing == standing]
        assert listed(site, standing=standing) == wanted
    site.catalog.close()
    site.ledger.close()
