"""Link an account that has a password with a person of a real provider, and unlink it: verb "unlink", page Account."""

import json

import pytest
from tests.web.abroad import away, door, enter, opened, through, value, whose
from tests.web.conftest import WORD

from arkwright.api.people import accounts, entering, linking, outside
from arkwright.api.people.audit import denied
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Invalid, Refused
from arkwright.core.nouns import Account
from arkwright.govern import passwords
from arkwright.govern.oidc import Person

__all__ = ["door"]  # a fixture
BEGIN = "/account/link/begin"
TOM = Person(issuer="https://a.example", subject="1", name="tom", email="", groups=())


def session(door, name):
    return f"arkwright={door.sessions[name]}"


def came_back(door, who, name="viewer", back_as=None):
    """Away from the page of this account and back; `back_as`: in whose session."""
    answer = door.ask("GET", BEGIN, Cookie=session(door, name))
    assert answer.status == 303, answer.body
    cookie = f"arkwright-outside={value(answer)}; {session(door, back_as or name)}"
    return door.ask("GET", through(answer.headers["location"], who), Cookie=cookie)


def linked(door, who, name="viewer", password=WORD):
    back = came_back(door, who, name)
    assert (back.status, back.headers.get("location")) == (303, "/account/link"), back.body
    return door.post("/account/link", cookie=session(door, name), password=password)


def known(door, name):
    return entering.prove(door.site, "session", door.sessions[name])


def test_either_way_in_leads_to_the_same_person(door):
    assert enter(door, "tom").status == 403
    assert "Link with 127.0.0.1" in door.ask("GET", "/account", Cookie=session(door, "viewer")).body.decode()
    back = came_back(door, "tom")
    assert (back.status, back.headers["location"]) == (303, "/account/link")
    assert "max-age=0" in back.cookies["arkwright-outside"].lower()
    page = door.ask("GET", "/account/link", Cookie=session(door, "viewer")).body.decode()
    assert ("<b>tom</b> (tom@elsewhere.example)" in page, "<b>viewer</b>" in page) == (True, True)
    assert enter(door, "tom").status == 403  # not before the password
    wrong = door.post("/account/link", cookie=session(door, "viewer"), password="wrong")
    assert (wrong.status, b"the password is wrong" in wrong.body) == (401, True)
    assert enter(door, "tom").status == 403
    done = door.post("/account/link", cookie=session(door, "viewer"), password=WORD)
    assert (done.status, done.headers["location"]) == (303, "/account")
    assert whose(door, enter(door, "tom")).name == "viewer"
    by_password = door.post("/login", name="viewer", password=WORD)
    assert whose(door, by_password).ref == whose(door, enter(door, "tom")).ref == "account:viewer@2"
    door.do(accounts.role, door.actor("owner"), name="viewer", role="contributor", reason="works")
    assert whose(door, enter(door, "tom")).role == "contributor"
    assert "Unlink from 127.0.0.1" in door.ask("GET", "/account", Cookie=session(door, "viewer")).body.decode()


def test_it_is_on_record_and_what_was_refused_too(door):
    before = versions.latest(door.site.ledger, Account, "viewer")
    linked(door, "tom", password="wrong")
    assert versions.latest(door.site.ledger, Account, "viewer") == before
    (refused,) = door.do(denied, door.actor("owner"))
    assert (refused.who, refused.proven, refused.what) == ("viewer", True, "POST /account/link")
    assert door.post("/account/link", cookie=session(door, "viewer"), password=WORD).status == 303
    event = door.site.ledger.last(Account.KIND, "viewer@")
    after = versions.latest(door.site.ledger, Account, "viewer")
    assert (event.by, after.role, after.signs) == ("viewer", before.role, before.signs)
    assert after.reason.startswith("linked with http://127.0.0.1:")
    found = {one.account.name: one.ways for one in door.do(accounts.accounts)}
    assert (found["viewer"], found["owner"]) == (("password", "provider"), ("password",))
    page = door.ask("GET", "/people/viewer", Cookie=session(door, "owner")).body.decode()
    assert page.count("linked with http://127.0.0.1:") == 2  # the last change of the account, and what viewer did
    everything = "".join(event.body for event in door.site.ledger.find())
    assert "tom" not in everything  # who that is there stays in the vault


def test_an_address_or_a_name_alone_links_nothing(door):
    """`ana@airport.example` is verified there, and is the address of somebody else's account here."""
    door.do(accounts.role, door.actor("owner"), name="owner", email="ana@airport.example", reason="hers")
    came = whose(door, enter(door, "ana"))
    assert (came.name, came.role, came.email) == ("ana", "viewer", "")


def test_only_the_session_that_asked_links(door):
    other = came_back(door, "tom", back_as="owner")  # an answer that was meant for somebody else
    assert other.status == 401
    assert b"this session did not ask" in other.body
    assert door.ask("GET", "/account/link", Cookie=session(door, "owner")).status == 409
    assert door.post("/account/link", cookie=session(door, "owner"), password=WORD).status == 409
    place, cookie = away(door)  # a log-in, in a browser in which somebody is logged in, links nothing
    assert door.ask("GET", through(place, "ana"), Cookie=f"{cookie}; {session(door, 'owner')}").status == 303
    assert accounts.ways(door.site, "owner") == ("password",)
    fresh = door.post("/login", name="viewer", password=WORD)  # another session of the same account did not ask either
    assert came_back(door, "tom").status == 303
    again = f"arkwright={value(fresh, 'arkwright')}"
    assert door.post("/account/link", cookie=again, password=WORD).status == 409
    assert door.post("/account/link", client="10.0.0.1", password=WORD).status == 401  # nobody's
    assert door.ask("GET", BEGIN, **door.bearer("viewer")).status == 403  # a token's
    assert accounts.ways(door.site, "viewer") == ("password",)


def test_one_person_there_is_one_account_here_and_the_other_way_round(door):
    assert linked(door, "tom").status == 303
    taken = came_back(door, "tom", "contributor")
    assert (taken.status, b"has an account here already, viewer" in taken.body) == (409, True)
    assert b"linked already" in door.ask("GET", BEGIN, Cookie=session(door, "viewer")).body


def test_who_is_guessed_at_waits(door, monkeypatch):
    assert came_back(door, "tom").status == 303
    fits = passwords.fits
    monkeypatch.setattr(passwords, "fits", lambda kept, word: word == WORD and fits(kept, word))
    for _ in range(20):
        assert door.post("/account/link", cookie=session(door, "viewer"), password="guess").status == 401
    assert door.post("/account/link", cookie=session(door, "viewer"), password=WORD).status == 429


def test_unlinked_by_oneself(door):
    assert linked(door, "tom").status == 303
    elsewhere = f"arkwright={value(enter(door, 'tom'), 'arkwright')}"
    assert door.post("/account/unlink", cookie=session(door, "viewer"), password="wrong").status == 401
    assert door.ask("GET", "/account", Cookie=elsewhere).status == 200
    assert door.post("/account/unlink", cookie=session(door, "viewer"), password=WORD).status == 303
    assert door.ask("GET", "/account", Cookie=elsewhere).status == 401  # what came in that way ends
    assert door.ask("GET", "/account", Cookie=session(door, "viewer")).status == 200
    assert enter(door, "tom").status == 403
    assert door.post("/login", name="viewer", password=WORD).status == 303
    assert versions.latest(door.site.ledger, Account, "viewer").reason == "unlinked from the provider"
    assert linked(door, "tom", "contributor").status == 303  # who is free again
    assert whose(door, enter(door, "tom")).name == "contributor"


def test_unlinked_by_an_owner(door, monkeypatch, capsys):
    owner = door.actor("owner")
    assert linked(door, "tom").status == 303
    assert whose(door, enter(door, "ana")).name == "ana"
    page = door.ask("GET", "/people/ana", Cookie=session(door, "owner")).body.decode()
    assert "Unlink ana from the provider" in page
    assert door.post("/people/ana/unlink", cookie=session(door, "owner"), reason="").status == 422
    assert door.post("/people/ana/unlink", cookie=session(door, "contributor"), reason="x").status == 403
    assert door.post("/people/ana/unlink", cookie=session(door, "owner"), reason="left the company").status == 303
    assert enter(door, "ana").status == 409  # the account is there, and not theirs by its name
    again = door.do(accounts.invite, owner, name="ana")
    assert whose(door, enter(door, "ana", f"/join/{again.secret}/oidc")).name == "ana"
    monkeypatch.setenv("ARKWRIGHT_TOKEN", door.tokens["owner"])
    place = ["--site", str(door.folder)]
    assert main(["unlink", "viewer", "--reason", "another provider", *place]) == 0
    assert "viewer@3" in capsys.readouterr().out
    assert main(["unlink", "viewer", "--reason", "another provider", *place]) == 4
    capsys.readouterr()
    assert main(["unlink", "viewr", "--reason", "another provider", *place]) == 3
    assert 'did you mean "viewer"?' in capsys.readouterr().err
    as_json = {"Content-Type": "application/json", **door.bearer("owner")}
    body = json.dumps({"name": "ana", "reason": "again"}).encode()
    assert door.ask("POST", "/api/unlink", body, **as_json).status == 200
    with pytest.raises(Invalid, match="reason"):
        door.do(linking.unlink, owner, name="ana", reason=" ")


def test_no_owner_is_left_without_a_way_in(door):
    sam = whose(door, enter(door, "sam"))
    assert sam.role == "owner"
    with pytest.raises(Refused, match="change the role first"):
        door.do(linking.unlink, door.actor("owner"), name="sam", reason="x")
    with pytest.raises(Refused, match="no password"):
        linking.unlink_own(door.site, known_as(door, enter(door, "sam")), password="x")


def known_as(door, answer):
    return entering.prove(door.site, "session", value(answer, "arkwright"))


def test_who_was_unlinked_and_shut_out_is_said_to_be_shut_out(tmp_path):
    door = opened(tmp_path / "site", "http://127.0.0.1:9")
    owner = door.actor("owner")
    door.do(accounts.invite, owner, name="tom")
    outside.enter(door.site, TOM, invitation=door.do(accounts.invite, owner, name="tom").secret)
    door.do(linking.unlink, owner, name="tom", reason="left")
    door.do(accounts.role, owner, name="tom", role="none", reason="left")
    for place in ("/people", "/people/tom"):
        text = door.ask("GET", place, Cookie=session(door, "owner")).body.decode()
        assert ("shut out" in text, "never entered" in text) == (True, False)


def test_two_accounts_that_link_the_same_person_at_once(tmp_path, monkeypatch):
    door = opened(tmp_path / "site", "http://127.0.0.1:9")
    one, two = known(door, "viewer"), known(door, "contributor")
    linking.offer(door.site, one, TOM)
    linking.offer(door.site, two, TOM)
    noted = linking._noted

    def later(*given):
        monkeypatch.setattr(linking, "_noted", noted)
        linking.link(door.site, two, password=WORD)
        return noted(*given)

    monkeypatch.setattr(linking, "_noted", later)
    with pytest.raises(Refused, match="another account by now"):
        linking.link(door.site, one, password=WORD)
    assert versions.latest(door.site.ledger, Account, "viewer").reason.startswith("not linked after all")
    assert (accounts.ways(door.site, "viewer"), accounts.ways(door.site, "contributor")) == (
        ("password",), ("password", "provider"),
    )  # fmt: skip
    assert known_as_person(door) == "contributor"


def known_as_person(door):
    secret = outside.enter(door.site, TOM)
    return entering.prove(door.site, "session", secret).account.name


def test_a_link_that_was_half_made_is_made_whole(tmp_path, monkeypatch):
    """The process ended between the two records of the vault."""
    door = opened(tmp_path / "site", "http://127.0.0.1:9")
    viewer = known(door, "viewer")
    linking.offer(door.site, viewer, TOM)
    monkeypatch.setattr(door.site.vault, "put", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        linking.link(door.site, viewer, password=WORD)
    monkeypatch.undo()
    linking.link(door.site, viewer, password=WORD)
    assert accounts.ways(door.site, "viewer") == ("password", "provider")


def test_who_came_back_is_forgotten_in_time(tmp_path, monkeypatch):
    door = opened(tmp_path / "site", "http://127.0.0.1:9")
    viewer = known(door, "viewer")
    linking.offer(door.site, viewer, TOM)
    now = linking.time.time()
    monkeypatch.setattr(linking.time, "time", lambda: now + 601)
    with pytest.raises(Refused, match="begin once more"):
        linking.link(door.site, viewer, password=WORD)
