"""Accounts: the verbs "invite", "accounts", "role" and "token", and what only counts once it is proven."""

from dataclasses import replace

import pytest

from arkwright.api.build import run
from arkwright.api.decide import sign, why
from arkwright.api.endpoints.rollout import promote
from arkwright.api.people import accounts, entering, signing
from arkwright.api.people.sessions import end, sessions
from arkwright.core import versions
from arkwright.core.errors import Forbidden, Invalid, Refused, Unknown, Unproven
from arkwright.core.nouns import Actor
from arkwright.govern.secrets import SESSION, TOKEN
from arkwright.sites import Site

WORD = "four quiet wooden boats"


def enter(at, name, by=None, **words):
    handed = at.do(accounts.invite, by, name=name, **words)
    secret = at.do(entering.join, invitation=handed.secret, password=WORD)
    return entering.prove(at.site, SESSION, secret).actor


def test_only_what_was_proven_counts_and_what_was_before_stays(at):
    at.do(sign, at.ben, release="buys")
    handed = at.do(accounts.invite, name="olga", role="owner")
    with pytest.raises(Unproven, match="no owner can enter yet; arkwright up prints the link"):  # no token is to be had
        at.do(sign, at.cleo, release="buys")
    secret = at.do(entering.join, invitation=handed.secret, password=WORD)
    owner = entering.prove(at.site, SESSION, secret).actor
    assert at.do(why, release="buys")[1].missing == ("no signature yet as operations",)
    for verb, words in ((sign, {"release": "buys"}), (promote, {"release": "buys"}), (run, {})):
        with pytest.raises(Unproven, match="ARKWRIGHT_TOKEN"):
            at.do(verb, at.cleo, **words)
    cleo = enter(at, "cleo", owner, role="viewer", signs=("operations",))
    with pytest.raises(Forbidden, match="one must be owner"):
        at.do(promote, cleo, release="buys")
    decision = at.do(sign, cleo, release="buys")
    assert (decision.role, decision.proven) == ("operations", True)
    at.do(accounts.role, owner, name="cleo", role="none", reason="left")
    assert at.do(why, release="buys")[1].passed  # a leaver's Yes stays
    assert at.do(promote, owner, release="buys").version == 1


@pytest.mark.parametrize("address", ["bén@exämple.org", "a@b.c, d@e.f", "nobody", "x@y.z\nBcc: a@b.c"])
def test_an_address_that_no_letter_could_reach_is_refused_at_once(at, address):
    with pytest.raises(Invalid, match="no e-mail address in plain letters"):
        at.do(accounts.invite, name="olga", role="owner", email=address)


def test_who_does_not_hold_the_role_cannot_sign_in_it(at):
    owner = enter(at, "olga", role="owner")
    with pytest.raises(Forbidden, match="no right to sign as operations"):
        at.do(sign, Actor(name="olga", role="operations", proven=True, rights=owner.rights), release="buys")


def test_a_token_does_no_more_than_it_was_made_for(at):
    owner = enter(at, "olga", role="owner", signs=("operations",))
    made = at.do(accounts.token, owner, role="viewer", note="ci")
    held = entering.prove(at.site, TOKEN, made.secret).actor
    with pytest.raises(Forbidden, match="proved no right to sign"):
        at.do(sign, Actor(name="olga", role="operations", proven=True, rights=held.rights), release="buys")
    with pytest.raises(Forbidden, match="a token may not"):
        at.do(accounts.token, held)
    assert made.secret.rpartition(".")[2] not in repr(at.do(sessions, owner))
    at.do(end, owner, id=made.id)
    with pytest.raises(Unproven):
        entering.prove(at.site, TOKEN, made.secret)


def test_shut_out_means_at_once_and_the_last_owner_stays(at):
    owner = enter(at, "olga", role="owner")
    with pytest.raises(Refused, match="last owner"):
        at.do(accounts.role, owner, name="olga", role="viewer", reason="tired")
    handed = at.do(accounts.invite, owner, name="ben")
    again = at.do(accounts.invite, owner, name="ben")
    with pytest.raises(Unproven):
        at.do(entering.join, invitation=handed.secret, password=WORD)
    secret = at.do(entering.join, invitation=again.secret, password=WORD)
    at.do(accounts.role, owner, name="ben", role="none", reason="left")
    with pytest.raises(Unproven):
        entering.prove(at.site, SESSION, secret)
    assert [(s.account.name, s.sessions) for s in at.do(accounts.accounts)] == [("ben", 0), ("olga", 1)]


def test_another_password_ends_every_session(at):
    enter(at, "olga", role="owner")
    other = at.do(entering.log_in, name="Olga", password=WORD)
    actor = entering.prove(at.site, SESSION, other).actor
    with pytest.raises(Unproven):
        at.do(entering.change_password, actor, old="wrong", new="five loud iron trains")
    at.do(entering.change_password, actor, old=WORD, new="five loud iron trains")
    with pytest.raises(Unproven):
        entering.prove(at.site, SESSION, other)


def test_nobody_signs_in_a_role_that_no_gate_names(at):
    owner = enter(at, "olga", role="owner", signs=("operations", "model-owner"))
    with pytest.raises(Invalid, match=r"no gate is signed as 'operation'.*did you mean.*operations.*model-owner"):
        at.do(accounts.invite, owner, name="dora", signs=("operation",))
    with pytest.raises(Unknown):
        accounts.account(at.site, "dora")
    at.do(accounts.invite, owner, name="dora", signs=("operations",))
    with pytest.raises(Invalid, match="'law'"):
        at.do(accounts.role, owner, name="dora", signs=("operations", "law"), reason="grew")
    kept = accounts.account(at.site, "dora")
    versions.move(at.site.ledger, "olga", replace(kept, version=2, signs=("gone",)))  # its gate is no more
    after = at.do(accounts.role, owner, name="dora", signs=("gone", "operations"), reason="grew")
    assert after.signs == ("gone", "operations")
    toml = at.folder / "arkwright.toml"
    toml.write_text(toml.read_text() + '\n[gate.later]\npromises = ["rows >= 1"]\nsigned_by = ["law"]\n')
    # of releases, of the project, and what somebody holds yet
    assert signing.offered(at.site, at.folder) == ["gone", "law", "model-owner", "operations"]


def test_where_no_gate_is_known_any_role_is_taken(tmp_path):
    site = Site(tmp_path)
    accounts.invite(site, Actor(name="ana"), tmp_path, name="olga", role="owner", signs=("any",))
    assert accounts.account(site, "olga").signs == ("any",)


def test_nobody_is_called_as_the_house_itself(at):
    with pytest.raises(Invalid, match="arkwright is who acts where nobody does"):
        at.do(accounts.invite, name="arkwright", role="owner")
