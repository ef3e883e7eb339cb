"""Who may sign what, and why something may not be deployed: the verbs "sign", "refuse" and "why"."""

import pytest

from arkwright.api.decide import refuse, sign, why
from arkwright.core.errors import Invalid, Refused, Unknown
from arkwright.core.nouns import Actor


def missing(at):
    return at.do(why, release="buys")[1].missing


def test_a_new_release_lacks_its_signatures(at):
    release, now = at.do(why, release="buys")
    assert release.author == "ana"
    assert now.promises_kept
    assert not now.passed
    assert now.missing == ("no signature yet as model-owner", "no signature yet as operations")
    assert [f.verdict for f in now.findings] == ["kept", "kept"]


def test_the_author_never_counts(at):
    for name in ("ana", "ANA", " ana ", "ａｎａ"):
        with pytest.raises(Refused, match="the author's signature never counts"):
            at.do(sign, Actor(name=name, role="model-owner"), release="buys")


def test_who_trained_the_model_counts_no_more_when_somebody_else_walks_the_line_again(at):
    toml = at.folder / "arkwright.toml"
    toml.write_text(toml.read_text().replace("roc_auc >= 0.6", "roc_auc >= 0.55"))
    before, _ = at.do(why, release="buys")
    release = at.run(by=Actor(name="ada")).outcomes["buys"].release
    assert (release.model, release.author, release.trained_by) == (before.model, "ada", ("ana",))
    with pytest.raises(Refused, match="ana trained the model of release:buys@2"):
        at.do(sign, Actor(name="ana", role="model-owner"), release="buys")
    at.do(sign, at.ben, release="buys")


def test_one_person_signs_one_role(at):
    at.do(sign, at.ben, release="buys")
    with pytest.raises(Refused, match="ben has already signed release:buys@1 as model-owner"):
        at.do(sign, Actor(name="ben", role="operations"), release="buys")
    assert missing(at) == ("no signature yet as operations",)


def test_both_roles_pass_the_gate(at):
    decision = at.do(sign, at.ben, release="buys", reason="read the card")
    assert (decision.role, decision.yes, decision.proven) == ("model-owner", True, False)
    at.do(sign, at.cleo, release="buys@1")
    release, now = at.do(why, release="release:buys@1")
    assert now.passed
    assert decision.digest == release.digest


def test_a_role_that_the_gate_does_not_ask_for(at):
    with pytest.raises(Refused, match="does not ask for a signature as boss; it asks for model-owner, operations"):
        at.do(sign, Actor(name="ben", role="boss"), release="buys")
    with pytest.raises(Invalid, match="say in which role you sign: --role model-owner or operations"):
        at.do(sign, Actor(name="ben"), release="buys")


def test_a_refusal_blocks_until_its_author_signs(at):
    at.do(sign, at.cleo, release="buys")
    at.do(refuse, at.ben, release="buys", reason="France is too low")
    assert missing(at) == ("ben (model-owner) refused: France is too low", "no signature yet as model-owner")
    at.do(sign, Actor(name="dora", role="model-owner"), release="buys")
    assert missing(at) == ("ben (model-owner) refused: France is too low",)
    at.do(sign, at.ben, release="buys", reason="France is fine after all")
    assert missing(at) == ()


def test_a_refusal_needs_a_reason_and_a_role(at):
    with pytest.raises(Invalid, match="a refusal needs a reason"):
        at.do(refuse, at.ben, release="buys", reason="  ")
    with pytest.raises(Refused, match="listens to model-owner, operations"):
        at.do(refuse, Actor(name="ben", role="boss"), release="buys", reason="no")


def test_a_name_that_is_not_there(at):
    with pytest.raises(Unknown, match="no release is called 'bys'; did you mean \"buys\""):
        at.do(why, release="bys")
    with pytest.raises(Unknown, match="there is no release:buys@9; the latest is release:buys@1"):
        at.do(why, release="buys@9")


def test_signatures_are_for_exactly_these_bytes(at):
    at.do(sign, at.ben, release="buys")
    at.shop.edit("shop.py", "fill_null(40)", "fill_null(39)")
    assert at.run().outcomes["buys"].release.version == 2
    assert missing(at) == ("no signature yet as model-owner", "no signature yet as operations")


def test_an_unreachable_promise_refuses_with_its_finding(at):
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc >= 0.999")
    result = at.run()
    assert "release:buys@2 is refused: roc_auc >= 0.999 is broken, found 0." in result.problem
    assert "95 % interval" in result.problem
    assert "100 rows" in result.problem
    with pytest.raises(Refused, match=r"release:buys@2 cannot be signed: roc_auc >= 0.999 is broken: found 0\."):
        at.do(sign, at.ben, release="buys@2")


def test_an_unproven_promise_says_how_many_rows_would_settle_it(at):
    value = at.do(why, release="buys")[1].findings[0].value
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", f"roc_auc >= {value - 0.005:.4f}")
    result = at.run()
    assert "is unproven" in result.problem
    assert "more rows would settle it" in result.problem


def test_a_limit_tried_and_put_back_means_the_release_that_stands(at):
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc >= 0.999")
    assert at.run().outcomes["buys"].release.ref == "release:buys@2"
    assert at.do(why, release="buys")[0].ref == "release:buys@2"
    at.shop.edit("arkwright.toml", "roc_auc >= 0.999", "roc_auc >= 0.6")
    assert at.run().outcomes["buys"].release.ref == "release:buys@1"
    assert at.do(why, release="buys")[0].ref == "release:buys@1"
    assert at.do(sign, at.ben, release="buys").release == "release:buys@1"
