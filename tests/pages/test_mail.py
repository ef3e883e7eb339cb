"""What one is told by mail, chosen on one's own page."""

from urllib.parse import unquote

import pytest
from tests.web.conftest import Door

from arkwright.api.people.accounts import role
from arkwright.core.rules import person
from arkwright.notify.mail import WANTS

MAIL = '[mail]\nserver = "127.0.0.1:9"\nfrom = "arkwright@example.org"\ntls = "none"\n'


@pytest.fixture
def mailing(tmp_path):
    """A site that sends mail; the viewer has an address, the contributor none."""
    (tmp_path / "site.toml").write_text(MAIL)
    door = Door(tmp_path)
    door.do(role, door.actor("owner"), name="viewer", email="ben@example.org", reason="for mail")
    return door


def choose(door, name, wants):
    return door.post("/account/mail", cookie=f"arkwright={door.sessions[name]}", wants=wants)


def account(door, name):
    return door.ask("GET", "/account", Cookie=f"arkwright={door.sessions[name]}", Accept="text/html").body.decode()


def test_chosen_on_my_account(mailing):
    vault = mailing.site.vault
    assert '<option value="off" selected>nothing</option>' in account(mailing, "viewer")
    answer = choose(mailing, "viewer", "inbox")
    assert (answer.status, answer.headers["location"]) == (303, "/account")
    assert "ben@example.org is written to: whatever comes" in unquote(answer.cookies["arkwright-said"])
    assert vault.get(WANTS, person("viewer")) == "inbox"
    assert '<option value="inbox" selected>' in account(mailing, "viewer")
    for wrong in ("more", "", "../off", "<script>", "\u202eoff", "x" * 10_000):
        assert choose(mailing, "viewer", wrong).status == 422
    assert choose(mailing, "viewer", "off").status == 303
    assert vault.get(WANTS, person("viewer")) is None


def test_not_offered_to_who_has_no_address(mailing):
    assert "By mail" not in account(mailing, "contributor")
    assert choose(mailing, "contributor", "inbox").status == 409
    assert mailing.site.vault.get(WANTS, person("contributor")) is None
