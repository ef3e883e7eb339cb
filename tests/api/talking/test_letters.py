"""The verb "mail", and who is written to about what."""

import pytest
from tests.notify.conftest import until
from tests.notify.test_mail import certificate, serve

from arkwright.api import build
from arkwright.api.people.accounts import invite, role
from arkwright.api.talking import telling
from arkwright.api.talking.letters import mail
from arkwright.api.talking.talk import discuss
from arkwright.core.errors import Invalid, Refused
from arkwright.core.nouns import Actor
from arkwright.notify import state
from arkwright.notify.outbox import Outbox

__all__ = ["certificate", "serve"]


def proven(name, *signs):
    return Actor(name=name, proven=True, signs=signs, rights=("look", "talk", "work", "own", "self"))


@pytest.fixture
def people(at, serve):
    """An owner and three others with addresses, on a site that sends mail; (site, the box)."""
    at.box, server = serve()
    text = (
        f'address = "https://room.example"\n[mail]\nserver = "{server}"\nfrom = "arkwright@example.org"\ntls = "none"\n'
    )
    (at.site.folder / "site.toml").write_text(text)
    at.olga = proven("olga")
    at.do(invite, name="olga", role="owner", email="olga@example.org")
    for name, signs in (("ben", ["model-owner"]), ("cleo", ["operations"])):
        at.do(invite, at.olga, name=name, signs=signs, email=f"{name}@example.org")
    at.do(invite, at.olga, name="vera")
    return at


def deliver(at, act):
    """What is sent because of what is done, in order: (to, subject, text)."""
    subscribers = telling.Subscribers(at.site, lambda ref: f"https://room.example/{ref}")
    state.begin(at.site.vault, "mail", int(at.site.ledger.head().partition(":")[0]))
    act()
    end = int(at.site.ledger.head().partition(":")[0])
    with Outbox(at.site.ledger, at.site.vault, subscribers, look=0.02):
        until(lambda: state.get(at.site.vault, "mail").place >= end)
    return [(to, str(message["Subject"]), message.get_content()) for _, (to,), message in at.box.taken]


def test_a_mention_by_mail(people):
    at = people
    assert at.do(mail, proven("ben"), wants="mentions").address == "ben@example.org"

    def act():
        at.do(discuss, at.olga, about="buys", text="Is France good enough? @ben @cleo")
        at.do(discuss, at.olga, about="buys", text="Nobody.")
        at.do(discuss, proven("ben"), about="buys", text="@ben")

    ((to, subject, text),) = deliver(at, act)
    assert (to, subject) == ("ben@example.org", "olga mentioned you, speaking about release:buys@1")
    assert "Is France good enough?" in text
    assert "https://room.example/release:buys@1" in text
    assert "arkwright mail off" in text


def test_the_inbox_by_mail_and_an_end_to_it(people):
    at = people
    at.do(mail, proven("cleo"), wants="inbox")
    at.do(mail, proven("ben"), wants="mentions")

    def act():
        at.do(discuss, at.olga, about="release:buys", text="@cleo")
        at.do(mail, proven("cleo"), wants="off")

    assert deliver(at, act) == []  # who wants nothing when it is sent gets nothing
    at.do(mail, proven("cleo"))
    at.shop.edit("arkwright.toml", "roc_auc >= 0.6", "roc_auc >= 0.61")
    found = deliver(at, lambda: at.do(build.run, at.olga))
    assert [(to, subject) for to, subject, _ in found] == [
        ("cleo@example.org", "a release waits for your signature as operations: release:buys@2")
    ]


def test_a_letter_that_waits_goes_to_its_reader_s_new_address(people):
    """Nobody reads a full mailbox any better for waiting: another address is the way out."""
    at = people
    at.do(mail, proven("ben"), wants="mentions")
    at.box.refuses["ben@example.org"] = 452
    at.do(discuss, at.olga, about="buys", text="@ben")
    state.begin(at.site.vault, "mail", int(at.site.ledger.head().partition(":")[0]) - 1)
    subscribers = telling.Subscribers(at.site, lambda ref: f"https://room.example/{ref}")
    with Outbox(at.site.ledger, at.site.vault, subscribers, look=0.02):
        until(lambda: state.get(at.site.vault, "mail").aside)
        assert [one.to for one in state.get(at.site.vault, "mail").aside] == ["ben"]
        at.do(role, at.olga, name="ben", email="ben@other.example", reason="the old one is full")
        state.wish(at.site.vault, "mail")
        until(lambda: not state.get(at.site.vault, "mail").aside)
    assert [to for _, (to,), _ in at.box.taken] == ["ben@other.example"]


def test_what_is_refused(people):
    at = people
    with pytest.raises(Refused, match="vera's account has no address"):
        at.do(mail, proven("vera"))
    with pytest.raises(Invalid, match="'some' is no choice"):
        at.do(mail, proven("ben"), wants="some")
    assert at.do(mail, proven("vera"), wants="off").wants == "off"
    (at.site.folder / "site.toml").unlink()
    with pytest.raises(Refused, match="sends no mail"):
        at.do(mail, proven("ben"))


def test_without_accounts_nobody_has_an_address(at):
    with pytest.raises(Refused, match="no accounts here yet"):
        at.do(mail)
