"""The first owner: by the link that `arkwright up` prints, under a name of their own."""

import re

import pytest
from tests.web.conftest import BASE, WORD, Door

from arkwright.api.people import accounts, entering, first_owner, outside
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Account
from arkwright.govern import passwords, secrets
from arkwright.govern.oidc import Person

OLGA = Person(issuer="https://i", subject="1", name="olga", email="", groups=())


class Empty(Door):
    """A room that nobody entered yet."""

    def enter(self, name, role):
        """Nobody."""


@pytest.fixture
def empty(tmp_path):
    return Empty(tmp_path, BASE)


def link(door):
    return f"/join/{door.do(first_owner.invitation)}"


def names(door):
    return {one.account.name: (one.account.role, one.ways) for one in door.do(accounts.accounts)}


def test_the_form_asks_for_a_name_and_offers_one(empty):
    text = empty.ask("GET", link(empty)).body.decode()
    assert re.search(r'<input name="name"[^>]* value="owner"', text)
    answer = empty.post(link(empty), name="owner", password=WORD)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert names(empty) == {"owner": ("owner", ("password",))}
    assert empty.do(first_owner.invitation) is None


def test_under_a_name_of_their_own(empty):
    place, second = link(empty), link(empty)  # as two control rooms tell them that begin on the same records
    assert empty.post(place, name=" ada ", password=WORD).status == 303
    assert empty.ask("GET", second).status == 410
    assert names(empty) == {"ada": ("owner", ("password",)), "owner": ("none", ())}
    assert empty.post("/login", name="ada", password=WORD).status == 303
    assert empty.post("/login", name="owner", password=WORD).status == 401
    assert empty.post(place, name="eve", password=WORD).status == 401  # once
    assert "eve" not in names(empty)
    assert empty.do(first_owner.invitation) is None
    session = secrets.issue(empty.site.vault, secrets.SESSION, "ada", 60)
    for shown in ("/people", "/people/owner"):
        assert b"never entered" in empty.ask("GET", shown, Cookie=f"arkwright={session}").body


def test_a_name_or_a_password_that_cannot_be_changes_nothing(empty):
    place = link(empty)
    for name, password in (
        ("Ada", WORD),
        ("a/b", WORD),
        ("a" * 65, WORD),
        ("ada", "short"),
        ("ada", "ada ada ada ada 7"),
    ):
        answer = empty.post(place, name=name, password=password)
        assert answer.status == 422
        assert 'name="name"' in answer.body.decode()  # it asks again
    assert names(empty) == {"owner": ("owner", ())}
    versions.move(empty.site.ledger, "x", Account(name="ben", version=1, role="viewer"))
    answer = empty.post(place, name="ben", password=WORD)
    assert (answer.status, b"there is an account called ben already" in answer.body) == (409, True)
    assert empty.post(place, name="ada", password=WORD).status == 303


def test_cut_off_between_the_name_and_the_password(empty, monkeypatch):
    """The next start lets in whoever the first owner is called by then, and so does the link that is there."""
    place = link(empty)
    with monkeypatch.context() as cut:
        cut.setattr(entering, "join", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            empty.do(first_owner.join, invitation=place.rpartition("/")[2], name="ada", password=WORD)
    again = link(empty)
    assert again.startswith("/join/ada.")
    assert 'name="name"' not in empty.ask("GET", again).body.decode()
    refused = empty.post(place, name="eve", password=WORD)
    assert (refused.status, b"the first owner is called ada since" in refused.body) == (409, True)
    assert empty.post(place, name="ada", password=WORD).status == 303
    assert empty.ask("GET", again).status == 410
    assert names(empty) == {"ada": ("owner", ("password",)), "owner": ("none", ())}


def test_who_is_invited_later_is_called_as_they_were(door):
    secret = door.do(accounts.invite, door.actor("owner"), name="ben").secret
    assert b'name="name"' not in door.ask("GET", f"/join/{secret}").body
    assert door.post(f"/join/{secret}", name="eve", password=WORD).status == 303
    assert {"ben"} <= set(names(door))
    assert "eve" not in names(door)


def test_an_invitation_that_was_used_says_so_and_asks_nobody_to_log_in(door):
    secret = door.do(accounts.invite, door.actor("owner"), name="ben").secret
    assert door.post(f"/join/{secret}", password=WORD).status == 303
    answer = door.ask("GET", f"/join/{secret}", Accept="text/html")
    assert answer.status == 410
    assert b"This invitation is of no use any more" in answer.body
    assert b"Log in first" not in answer.body


def test_a_link_of_a_start_before_opens_the_owner_who_came_through_the_provider(empty):
    old, new = link(empty), link(empty)
    assert outside.enter(empty.site, OLGA, invitation=new.rpartition("/")[2])
    assert names(empty) == {"owner": ("owner", ("provider",))}
    assert empty.do(first_owner.invitation) is None
    answer = empty.post(old, password=WORD)
    assert answer.status != 303


def test_one_link_by_password_and_by_provider_at_once(empty, monkeypatch):
    one = link(empty).rpartition("/")[2]
    hashed = passwords.hashed

    def meanwhile(*words):
        monkeypatch.setattr(passwords, "hashed", hashed)
        outside.enter(empty.site, OLGA, invitation=one)
        return hashed(*words)

    monkeypatch.setattr(passwords, "hashed", meanwhile)
    with pytest.raises(ArkwrightError):
        empty.do(first_owner.join, invitation=one, password=WORD)
    assert names(empty) == {"owner": ("owner", ("provider",))}


def test_one_takes_another_name_while_another_sets_owners_password(empty, monkeypatch):
    """Two links: while B's password as owner is hashed, A takes another name and is cut off."""
    a, b = (link(empty).rpartition("/")[2] for _ in range(2))
    hashed = passwords.hashed

    def meanwhile(*words):
        monkeypatch.setattr(passwords, "hashed", hashed)
        with monkeypatch.context() as cut:
            cut.setattr(first_owner, "_secret", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                empty.do(first_owner.join, invitation=a, name="ada", password=WORD)
        return hashed(*words)

    monkeypatch.setattr(passwords, "hashed", meanwhile)
    with pytest.raises(ArkwrightError):
        empty.do(first_owner.join, invitation=b, name="owner", password=WORD)
    assert empty.do(first_owner.invitation) or any(role != "none" and ways for role, ways in names(empty).values())


def test_of_two_links_for_one_who_was_cut_off_one_opens(empty, monkeypatch):
    """A is called ada and was cut off; two more starts tell links for ada, of which one is used at the provider."""
    place = link(empty)
    with monkeypatch.context() as cut:
        cut.setattr(entering, "join", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            empty.do(first_owner.join, invitation=place.rpartition("/")[2], name="ada", password=WORD)
    x, y = link(empty), link(empty)
    assert outside.enter(empty.site, OLGA, invitation=x.rpartition("/")[2])
    answer = empty.post(y, password=WORD)
    assert answer.status != 303
