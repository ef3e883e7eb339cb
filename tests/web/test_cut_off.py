"""Whoever is cut off while an account is taken up or left: it can be done again, and nobody else comes in by it."""

import pytest
from tests.web.conftest import BASE, WORD
from tests.web.test_first_owner import OLGA, Empty, link, names

from arkwright.api.people import accounts, entering, first_owner, linking, outside
from arkwright.control.listening import Listening, check
from arkwright.core.errors import ArkwrightError, Forbidden, Refused, Unproven
from arkwright.core.nouns import Actor
from arkwright.govern import passwords, secrets
from arkwright.govern.oidc import Person

VERA = Person(issuer="https://i", subject="2", name="vera", email="vera@airport.example", groups=())
GINA = Person(issuer="https://i", subject="3", name="gina", email="", groups=("ml-owners",))
ADA = Actor(name="ada", proven=True, rights=("look", "talk", "work", "own", "self"))
LOGIN = """
[login]
issuer = "https://i"
client = "arkwright"
domains = ["airport.example"]
groups = { "ml-owners" = "owner" }
"""


class Cut(BaseException):
    """The process ends here."""


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setattr(passwords, "hashed", lambda word, name: f"hashed {passwords.checked(word, name) or word}")
    monkeypatch.setattr(passwords, "fits", lambda kept, word: kept == f"hashed {word}")
    (tmp_path / "site.toml").write_text(LOGIN)
    return Empty(tmp_path, BASE)


@pytest.fixture
def owned(empty):
    """Ada is the first owner."""
    assert empty.post(link(empty), name="ada", password=WORD).status == 303
    return empty


def key(place):
    return place.rpartition("/")[2]


def cut(monkeypatch, vault, verb, kind, work):
    """Do this, and end before `verb` is done to a record of this kind."""
    does = getattr(vault, verb)

    def until(what, *words, **how):
        if what == kind:
            raise Cut
        return does(what, *words, **how)

    with monkeypatch.context() as patched:
        patched.setattr(vault, verb, until)
        with pytest.raises(Cut):
            work()


def whose(door, secret):
    return entering.prove(door.site, secrets.SESSION, secret).account.name


def test_a_viewer_who_came_first_keeps_no_owner_out(empty):
    one = link(empty)
    outside.enter(empty.site, VERA)
    with pytest.raises(Unproven, match="arkwright up prints the link"):
        empty.do(accounts.invite, name="eve")
    with pytest.raises(Refused, match="no owner can enter yet"):
        check(empty.site, Listening(host="10.0.0.1", public_url="https://a.example"))
    assert link(empty).startswith("/join/owner.")
    assert empty.post(one, name="ada", password=WORD).status == 303
    assert empty.do(first_owner.invitation) is None
    check(empty.site, Listening(host="10.0.0.1", public_url="https://a.example"))


def test_the_printed_link_makes_no_second_owner(empty, monkeypatch):
    one, two = link(empty), link(empty)
    cut(monkeypatch, empty.site.vault, "add", passwords.KIND, lambda: empty.post(one, name="ada", password=WORD))
    three = link(empty)
    assert three.startswith("/join/ada.")
    outside.enter(empty.site, GINA)
    for place in (one, two, three):
        assert (empty.ask("GET", place).status, empty.post(place, name="ada", password=WORD).status) == (410, 401)
        with pytest.raises(Unproven):
            outside.enter(empty.site, OLGA, invitation=key(place))
    assert {name: ways for name, (_, ways) in names(empty).items() if ways} == {"gina": ("provider",)}
    by = Actor(name="gina", proven=True, rights=ADA.rights)
    given = empty.do(accounts.invite, by, name="ada").secret  # by an owner it is another matter
    assert empty.post(f"/join/{given}", password=WORD).status == 303


@pytest.mark.parametrize("way", ["password", "provider"])
def test_the_printed_link_makes_no_second_owner_while_one_comes_in(empty, monkeypatch, way):
    one, add = key(link(empty)), empty.site.vault.add

    def meanwhile(*words, **how):
        monkeypatch.setattr(empty.site.vault, "add", add)
        outside.enter(empty.site, GINA)
        return add(*words, **how)

    monkeypatch.setattr(empty.site.vault, "add", meanwhile)
    ways = {
        "provider": lambda: outside.enter(empty.site, OLGA, invitation=one),
        "password": lambda: empty.do(first_owner.join, invitation=one, password=WORD),
    }
    with pytest.raises(Unproven, match="just now"):
        ways[way]()
    assert {name: ways for name, (_, ways) in names(empty).items() if ways} == {"gina": ("provider",)}


def test_one_link_by_the_provider_while_another_name_is_chosen(empty, monkeypatch):
    """Who chose the name is the owner; the other one is as free as before."""
    one, append = key(link(empty)), empty.site.ledger.append

    def meanwhile(*words):
        monkeypatch.setattr(empty.site.ledger, "append", append)
        outside.enter(empty.site, VERA, invitation=one)
        return append(*words)

    monkeypatch.setattr(empty.site.ledger, "append", meanwhile)
    assert empty.post(f"/join/{one}", name="ada", password=WORD).status == 303
    assert whose(empty, outside.enter(empty.site, VERA)) == "vera"
    assert names(empty) == {
        "ada": ("owner", ("password",)), "owner": ("none", ()), "vera": ("viewer", ("provider",)),
    }  # fmt: skip


@pytest.mark.parametrize("kind", [accounts.LINK, accounts.LINKED])
def test_a_person_who_was_cut_off_opens_the_same_link_again(empty, monkeypatch, kind):
    one = key(link(empty))
    cut(monkeypatch, empty.site.vault, "add", kind, lambda: outside.enter(empty.site, OLGA, invitation=one))
    with pytest.raises(Forbidden):
        outside.enter(empty.site, OLGA)
    assert link(empty)
    assert whose(empty, outside.enter(empty.site, OLGA, invitation=one)) == "owner"
    assert names(empty) == {"owner": ("owner", ("provider",))}
    assert empty.do(first_owner.invitation) is None
    assert whose(empty, outside.enter(empty.site, OLGA)) == "owner"
    assert list(empty.site.vault.find(secrets.INVITE)) == []


def test_a_person_without_an_invitation_who_was_cut_off_comes_again(owned, monkeypatch):
    cut(monkeypatch, owned.site.vault, "add", accounts.LINKED, lambda: outside.enter(owned.site, VERA))
    assert whose(owned, outside.enter(owned.site, VERA)) == "vera"


def test_a_person_without_an_invitation_in_two_tabs_of_which_one_was_cut_off_comes_in(owned, monkeypatch):
    append = owned.site.ledger.append

    def meanwhile(*words):
        monkeypatch.setattr(owned.site.ledger, "append", append)
        cut(monkeypatch, owned.site.vault, "add", accounts.LINK, lambda: outside.enter(owned.site, VERA))
        return append(*words)

    monkeypatch.setattr(owned.site.ledger, "append", meanwhile)
    assert whose(owned, outside.enter(owned.site, VERA)) == "vera"
    assert whose(owned, outside.enter(owned.site, VERA)) == "vera"


def test_an_account_that_a_person_has_by_now_stays_theirs_whoever_is_cut_off_in_another_tab(owned, monkeypatch):
    first, second = (owned.do(accounts.invite, ADA, name=name).secret for name in ("ben", "cora"))
    point, swap = outside.point, owned.site.vault.swap

    def meanwhile(*words):
        monkeypatch.setattr(outside, "point", point)
        outside.enter(owned.site, OLGA, invitation=first)
        monkeypatch.setattr(owned.site.vault, "swap", swapped)
        return point(*words)

    def swapped(*words, **how):
        swap(*words, **how)
        raise Cut

    monkeypatch.setattr(outside, "point", meanwhile)
    with pytest.raises(Refused, match="another door just now"):
        outside.enter(owned.site, OLGA, invitation=second)
    assert whose(owned, outside.enter(owned.site, OLGA)) == "ben"


def test_nobody_comes_in_where_another_took_up_what_they_began(owned, monkeypatch):
    """Olga was cut off; the owner invites ben again, and gives that to the real one."""
    vault, invite = owned.site.vault, accounts.invite
    first = owned.do(invite, ADA, name="ben").secret
    cut(monkeypatch, vault, "add", accounts.LINKED, lambda: outside.enter(owned.site, OLGA, invitation=first))
    second = owned.do(invite, ADA, name="ben").secret
    for words in ({}, {"invitation": first}):
        with pytest.raises(ArkwrightError):
            outside.enter(owned.site, OLGA, **words)
    assert owned.post(f"/join/{second}", password=WORD).status == 303
    with pytest.raises(Forbidden):
        outside.enter(owned.site, OLGA)
    assert names(owned)["ben"] == ("viewer", ("password",))
    other = owned.do(invite, ADA, name="olga").secret  # what was begun keeps her out of nothing else
    assert whose(owned, outside.enter(owned.site, OLGA, invitation=other)) == "olga"


def test_who_lost_a_race_and_was_cut_off_never_comes_in(owned, monkeypatch):
    """Also after whoever won was unlinked."""
    vault, add = owned.site.vault, owned.site.vault.add
    given = owned.do(accounts.invite, ADA, name="ben").secret
    other = secrets.issue(vault, secrets.INVITE, "ben", 1000)  # as two owners leave who invite at once

    def meanwhile(kind, *words, **how):
        if kind == accounts.LINKED:
            monkeypatch.setattr(vault, "add", add)
            outside.enter(owned.site, GINA, invitation=other)
        return add(kind, *words, **how)

    monkeypatch.setattr(vault, "add", meanwhile)
    cut(monkeypatch, vault, "remove", accounts.LINK, lambda: outside.enter(owned.site, OLGA, invitation=given))
    assert whose(owned, outside.enter(owned.site, GINA)) == "ben"
    unlinked(owned)
    for words in ({}, {"invitation": given}):
        with pytest.raises(ArkwrightError):
            outside.enter(owned.site, OLGA, **words)
    assert names(owned)["ben"] == ("viewer", ())


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_of_two_ways_to_take_one_invitation_up_one_goes_on_whoever_is_cut_off(owned, monkeypatch, verb):
    """Olga has begun when ben chooses a password, and then is cut off."""
    vault = owned.site.vault
    given = owned.do(accounts.invite, ADA, name="ben").secret
    does, refused = getattr(vault, verb), []

    def meanwhile(kind, *words, **how):
        if kind in (accounts.LINKED, secrets.INVITE) and not refused:
            refused.append(owned.post(f"/join/{given}", password=WORD).status)
        if kind in (accounts.LINKED, secrets.INVITE):
            raise Cut
        return does(kind, *words, **how)

    with monkeypatch.context() as patched:
        patched.setattr(vault, verb, meanwhile)
        with pytest.raises(Cut):
            outside.enter(owned.site, OLGA, invitation=given)
    assert refused == [401]
    with pytest.raises(Unproven):
        outside.enter(owned.site, GINA, invitation=given)
    words = {"invitation": given} if verb == "add" else {}
    assert whose(owned, outside.enter(owned.site, OLGA, **words)) == "ben"
    assert names(owned)["ben"] == ("viewer", ("provider",))


@pytest.mark.parametrize("first", ["password", "provider"])
def test_of_two_ways_to_take_two_invitations_up_the_first_to_come_in_goes_on(owned, monkeypatch, first):
    """Olga and whoever chose a password are both cut off when both ways are open."""
    site, vault, add = owned.site, owned.site.vault, owned.site.vault.add
    given = owned.do(accounts.invite, ADA, name="ben").secret
    other = secrets.issue(vault, secrets.INVITE, "ben", 1000)

    def meanwhile(kind, *words, **how):
        if kind != passwords.KIND:
            return add(kind, *words, **how)
        cut(monkeypatch, vault, "remove", secrets.INVITE, lambda: outside.enter(site, OLGA, invitation=other))
        add(kind, *words, **how)
        raise Cut

    with monkeypatch.context() as patched:
        patched.setattr(vault, "add", meanwhile)
        with pytest.raises(Cut):
            owned.do(entering.join, invitation=given, password=WORD)
    assert names(owned)["ben"] == ("viewer", ("password", "provider"))
    ways = {
        "password": lambda: owned.do(entering.log_in, name="ben", password=WORD),
        "provider": lambda: outside.enter(site, OLGA),
    }
    assert whose(owned, ways.pop(first)()) == "ben"
    (late,) = ways.values()
    with pytest.raises((Unproven, Forbidden)):
        late()
    assert names(owned)["ben"] == ("viewer", (first,))
    assert list(vault.find(secrets.INVITE, "ben/")) == []


def test_who_joined_and_was_cut_off_is_told_to_log_in(owned, monkeypatch):
    given = owned.do(accounts.invite, ADA, name="ben").secret
    words = {"invitation": given, "password": WORD}
    cut(monkeypatch, owned.site.vault, "remove", secrets.INVITE, lambda: owned.do(entering.join, **words))
    assert b"if you used it, log in" in owned.ask("GET", f"/join/{given}").body
    with pytest.raises(Unproven, match="if you used it, log in"):
        owned.do(entering.join, **words)
    assert owned.post("/login", name="ben", password=WORD).status == 303


def unlinked(door):
    return door.do(linking.unlink, ADA, name="ben", reason="left")


@pytest.mark.parametrize("kind", [accounts.LINK, secrets.SESSION, secrets.DEVICE, accounts.LINKED])
def test_to_unlink_can_be_done_again_and_ends_all_sessions(owned, monkeypatch, kind):
    vault = owned.site.vault
    given = owned.do(accounts.invite, ADA, name="ben").secret
    session = outside.enter(owned.site, OLGA, invitation=given)
    secrets.issue(vault, secrets.DEVICE, "ben", 60)
    cut(monkeypatch, vault, "remove", kind, lambda: unlinked(owned))
    unlinked(owned)
    with pytest.raises(Unproven):
        whose(owned, session)
    with pytest.raises(Forbidden):
        outside.enter(owned.site, OLGA)
    assert names(owned)["ben"] == ("viewer", ())


def half_unlinked(owned, monkeypatch, role="viewer"):
    outside.enter(owned.site, OLGA, invitation=owned.do(accounts.invite, ADA, name="ben", role=role).secret)
    cut(monkeypatch, owned.site.vault, "remove", accounts.LINKED, lambda: unlinked(owned))


def test_an_owner_of_whose_link_half_is_left_cannot_enter(owned, monkeypatch):
    half_unlinked(owned, monkeypatch)
    owned.do(accounts.role, ADA, name="ben", role="owner", reason="leads")
    with pytest.raises(Refused, match="ada is the last owner who can enter"):
        owned.do(accounts.role, ADA, name="ada", role="viewer", reason="leaves")
    unlinked(owned)
    assert list(owned.site.vault.find(accounts.LINKED)) == []


def test_a_printed_link_opens_where_half_of_a_link_is_left(empty, monkeypatch):
    """Vera opens it in one tab, logs in without it in another, and the process ends."""
    one, vault = key(link(empty)), empty.site.vault
    add = vault.add

    def meanwhile(kind, *words, **how):
        if kind != accounts.LINKED:
            return add(kind, *words, **how)
        monkeypatch.setattr(vault, "add", add)
        outside.enter(empty.site, VERA)
        add(kind, *words, **how)
        raise Cut

    monkeypatch.setattr(vault, "add", meanwhile)
    with pytest.raises(Cut):
        outside.enter(empty.site, VERA, invitation=one)
    assert names(empty) == {"owner": ("owner", ()), "vera": ("viewer", ("provider",))}
    assert empty.post(link(empty), name="ada", password=WORD).status == 303
    assert whose(empty, outside.enter(empty.site, VERA)) == "vera"


def test_who_was_too_late_is_sent_to_no_owner_where_there_is_none(empty, monkeypatch):
    one, point = key(link(empty)), outside.point

    def meanwhile(*words):
        monkeypatch.setattr(outside, "point", point)
        assert point(*words)
        outside.enter(empty.site, VERA)
        return True

    monkeypatch.setattr(outside, "point", meanwhile)
    with pytest.raises(Unproven, match="entered as owner just now; try again"):
        outside.enter(empty.site, VERA, invitation=one)


@pytest.mark.parametrize("way", ["password", "provider"])
def test_half_of_a_link_keeps_nobody_out(owned, monkeypatch, way):
    half_unlinked(owned, monkeypatch)
    given = owned.do(accounts.invite, ADA, name="ben").secret
    if way == "provider":
        assert whose(owned, outside.enter(owned.site, GINA, invitation=given)) == "ben"
        assert whose(owned, outside.enter(owned.site, GINA)) == "ben"
    else:
        assert owned.post(f"/join/{given}", password=WORD).status == 303
    assert names(owned)["ben"] == ("viewer", (way,))
    with pytest.raises(Forbidden):
        outside.enter(owned.site, OLGA)


def test_of_who_takes_the_place_of_half_a_link_and_who_completes_it_one_comes_in(owned, monkeypatch):
    half_unlinked(owned, monkeypatch)
    vault, swap = owned.site.vault, owned.site.vault.swap
    given = owned.do(accounts.invite, ADA, name="ben").secret
    other = secrets.issue(vault, secrets.INVITE, "ben", 1000)

    def meanwhile(kind, *words, **how):
        if kind == accounts.LINKED:
            monkeypatch.setattr(vault, "swap", swap)
            outside.enter(owned.site, OLGA, invitation=other)
        return swap(kind, *words, **how)

    monkeypatch.setattr(vault, "swap", meanwhile)
    with pytest.raises(Unproven, match="just now"):
        outside.enter(owned.site, GINA, invitation=given)
    assert whose(owned, outside.enter(owned.site, OLGA)) == "ben"
    with pytest.raises(ArkwrightError):
        whose(owned, outside.enter(owned.site, GINA, invitation=given))


def test_no_session_outlives_the_link_by_which_it_was_begun(owned, monkeypatch):
    outside.enter(owned.site, OLGA, invitation=owned.do(accounts.invite, ADA, name="ben").secret)
    begin = entering.session

    def late(*words):
        unlinked(owned)
        return begin(*words)

    monkeypatch.setattr(entering, "session", late)
    with pytest.raises(Unproven, match="unlinked just now"):
        outside.enter(owned.site, OLGA)
    assert list(owned.site.vault.find(secrets.SESSION, "ben/")) == []


def test_to_unlink_ends_sessions_before_the_link(owned, monkeypatch):
    """Once half of it is gone no page offers to unlink."""
    session = outside.enter(owned.site, OLGA, invitation=owned.do(accounts.invite, ADA, name="ben").secret)
    cut(monkeypatch, owned.site.vault, "remove", accounts.LINK, lambda: unlinked(owned))
    assert names(owned)["ben"] == ("viewer", ("provider",))
    with pytest.raises(Unproven):
        whose(owned, session)


def test_one_person_in_two_tabs_is_told_what_is_so(owned, monkeypatch):
    """In one way at once they come in; who comes late, or in another way, hears that it is of no use any more."""
    vault, swap = owned.site.vault, owned.site.vault.swap

    def begun(work):
        given = owned.do(accounts.invite, ADA, name="ben").secret

        def meanwhile(kind, *words, **how):
            monkeypatch.setattr(vault, "swap", swap)
            work(given, kind, *words)
            return swap(kind, *words, **how)

        monkeypatch.setattr(vault, "swap", meanwhile)
        return outside.enter(owned.site, OLGA, invitation=given)

    with pytest.raises(Unproven, match="if you used it, log in"):
        begun(lambda *_: owned.do(accounts.invite, ADA, name="ben"))
    assert whose(owned, begun(lambda _, *words: swap(*words))) == "ben"


def test_to_unlink_again_leaves_the_account_that_somebody_has_by_now(owned, monkeypatch):
    vault, invite = owned.site.vault, accounts.invite
    outside.enter(owned.site, OLGA, invitation=owned.do(invite, ADA, name="ben").secret)
    cut(monkeypatch, vault, "remove", accounts.LINKED, lambda: unlinked(owned))
    outside.enter(owned.site, OLGA, invitation=owned.do(invite, ADA, name="olga").secret)
    unlinked(owned)
    assert whose(owned, outside.enter(owned.site, OLGA)) == "olga"


def test_another_password_ends_the_sessions_that_there_were_though_it_is_cut_off(owned, monkeypatch):
    stolen = entering.session(owned.site, "ada", "")
    words = {"old": WORD, "new": "four other quiet boats"}
    swap = owned.site.vault.swap

    def swapped(*given, **how):
        assert swap(*given, **how)
        raise Cut

    with monkeypatch.context() as patched:
        patched.setattr(owned.site.vault, "swap", swapped)
        with pytest.raises(Cut):
            owned.do(entering.change_password, ADA, **words)
    with pytest.raises(Unproven):
        whose(owned, stolen)


@pytest.mark.parametrize(("verb", "kind", "wins"), [("put", accounts.LINKED, "ben"), ("swap", accounts.LINK, "ada")])
def test_of_two_accounts_that_link_one_person_at_once_one_does(owned, monkeypatch, verb, kind, wins):
    """While ada's link is half made, ben's is made; and while ben's takes the place of hers, hers is made whole."""
    vault = owned.site.vault
    given = owned.do(accounts.invite, ADA, name="ben").secret
    sessions = {
        "ada": entering.session(owned.site, "ada", ""),
        "ben": owned.do(entering.join, invitation=given, password=WORD),
    }
    known = {name: entering.prove(owned.site, secrets.SESSION, session) for name, session in sessions.items()}
    for one in known.values():
        linking.offer(owned.site, one, OLGA)

    def linked(name):
        return linking.link(owned.site, known[name], password=WORD)

    if verb == "swap":
        cut(monkeypatch, vault, "put", accounts.LINKED, lambda: linked("ada"))
    does = getattr(vault, verb)

    def meanwhile(what, *words, **how):
        if what == kind:
            monkeypatch.setattr(vault, verb, does)
            linked(wins)
        return does(what, *words, **how)

    monkeypatch.setattr(vault, verb, meanwhile)
    with pytest.raises(Refused, match="another account by now"):
        linked("ada" if wins == "ben" else "ben")
    assert {name for name, (_, ways) in names(owned).items() if "provider" in ways} == {wins}
    assert whose(owned, outside.enter(owned.site, OLGA)) == wins
