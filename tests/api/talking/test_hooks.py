"""The verbs "webhook", "webhooks" and "unhook"."""

import json
import time

import pytest
from standardwebhooks.webhooks import Webhook as Judge
from tests.notify.conftest import receiver, until
from tests.notify.test_address import MALFORMED, WALLED

from arkwright.api.decide import refuse
from arkwright.api.people.accounts import invite
from arkwright.api.talking import hooks, telling
from arkwright.api.talking.hooks import unhook, webhook, webhooks
from arkwright.core.errors import Forbidden, Invalid, Refused, Unknown, Unproven
from arkwright.core.nouns import Actor, Webhook
from arkwright.core.record import decode
from arkwright.notify import state

__all__ = ["receiver"]


@pytest.fixture
def open_at(at):
    """A site whose owner allows loopback."""
    (at.site.folder / "site.toml").write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')
    return at


def test_a_decision_is_told(open_at, receiver):
    at = open_at
    made = at.do(webhook, name="ci", url=f"{receiver.url}/services/T0/secret", on=["decisions"])
    assert made.secret.startswith("whsec_")
    with telling.outbox(at.site, {"release:buys@1": "https://room.example/releases/buys@1"}.get):
        at.do(refuse, at.ben, release="buys", reason="too low")
        ((headers, body),) = receiver.wait("/services/T0/secret")
    said = Judge(made.secret).verify(body, headers)
    assert said["data"]["noun"]["reason"] == "too low"
    assert said["data"]["url"] == "https://room.example/releases/buys@1"
    assert said["source"].startswith("urn:arkwright:")
    (now,) = at.do(webhooks)
    assert (now.name, now.waiting, now.last, now.dead, now.off) == ("ci", 0, "told", (), False)
    assert (now.to, now.on) == (f"{receiver.url}/…", ("decisions",))


def test_to_remove_one_can_be_done_again_and_leaves_nothing(open_at, receiver, monkeypatch):
    at = open_at
    at.do(webhook, name="ci", url=f"{receiver.url}/in")
    state.wish(at.site.vault, state_of(at.site))
    for cut in ("remove", "forget"):
        with monkeypatch.context() as patched:
            patched.setattr(hooks.hooks if cut == "remove" else state, cut, lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                at.do(unhook, name="ci")
    at.do(unhook, name="ci")
    assert [list(at.site.vault.find(kind)) for kind in (state.KIND, state.WISH, "webhook")] == [[], [], []]


def test_what_was_half_removed_is_told_again_once_it_is_changed(open_at, receiver, monkeypatch):
    at = open_at
    at.do(webhook, name="ci", url=f"{receiver.url}/in")
    with monkeypatch.context() as patched:
        patched.setattr(hooks.hooks, "remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            at.do(unhook, name="ci")
    (now,) = at.do(webhooks)
    assert (now.off, now.last) == (True, "to remove it was begun, and cut off")
    assert at.do(webhook, name="ci", again=True).webhook.version == 3  # on record as removed until then
    (now,) = at.do(webhooks)
    assert (now.off, now.waiting, now.last) == (False, 0, "")
    assert at.do(webhook, name="ci", again=True).webhook.version == 3


def test_a_key_that_receivers_hold_signs_for_its_day_whoever_is_cut_off_before_the_next_one_is_shown(
    open_at, monkeypatch
):
    at = open_at
    shown = [at.do(webhook, name="ci", url="http://127.0.0.1:9/").secret]
    with monkeypatch.context() as patched:
        patched.setattr(state, "begin", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            at.do(webhook, name="ci", rotate=True)
    shown += [at.do(webhook, name="ci", rotate=True).secret for _ in range(hooks.hooks.MOST_KEYS - 3)]
    at.do(webhook, name="ci", rotate=True)
    with pytest.raises(Refused, match="10 keys of ci sign by now"):
        at.do(webhook, name="ci", rotate=True)
    hook = hooks.hooks.get(at.site.vault, "ci")
    assert set(shown) < set(hook.keys(time.time()))
    assert hook.keys(time.time() + hooks.hooks.BOTH + 1) == (hook.key,)


def test_a_hook_as_it_was_spelt_before_can_be_changed(open_at):
    at = open_at
    at.do(webhook, name="ci", url="http://127.0.0.1:9/")
    said = json.loads(at.site.vault.get("webhook", "ci"))
    del said["old"]
    at.site.vault.put("webhook", "ci", json.dumps(said | {"old_key": None, "old_until": 0.0}))
    assert at.do(webhook, name="ci", rotate=True).secret != said["key"]


@pytest.mark.parametrize("verb", [(state, "begin"), (hooks.hooks, "add")])
def test_what_was_half_added_can_be_added_again_or_removed(open_at, monkeypatch, verb):
    """It is on record as added, and nobody is told."""
    at, words = open_at, {"name": "ci", "url": "http://127.0.0.1:9/"}
    for again in (lambda: at.do(unhook, name="ci"), lambda: at.do(webhook, **words)):
        with monkeypatch.context() as patched:
            patched.setattr(*verb, lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                at.do(webhook, **words)
        assert at.do(webhooks) == ()
        done = again()
    assert done.secret
    nouns = [decode(Webhook, event.body) for event in at.site.ledger.find(Webhook.KIND)]
    assert [(noun.version, noun.active) for noun in nouns] == [(1, True), (2, False), (3, True), (4, True)]
    at.do(unhook, name="ci")
    with pytest.raises(Unknown):
        at.do(unhook, name="ci")
    assert list(at.site.vault.find(state.KIND)) == []


@pytest.mark.parametrize("before", [0, 1])
def test_of_two_who_change_one_at_once_nothing_is_left_over(open_at, monkeypatch, before):
    """One of them is between two records of the vault while the other removes it, or adds it too."""
    at, begin, words = open_at, state.begin, {"name": "ci", "url": "http://127.0.0.1:9/"}
    if before:
        at.do(webhook, **words)

    def overtaken(*given):
        monkeypatch.setattr(state, "begin", begin)
        at.do(unhook, name="ci") if before else at.do(webhook, **words)
        begin(*given)

    monkeypatch.setattr(state, "begin", overtaken)
    with pytest.raises(Refused, match="somebody else changed ci just now"):
        at.do(webhook, **words, again=True)
    kept = [len(list(at.site.vault.find(kind))) for kind in ("webhook", state.KIND, state.WISH)]
    assert kept == ([0, 0, 0] if before else [1, 1, 0])
    assert all(not now.off for now in at.do(webhooks))


def state_of(site):
    ((name, _),) = site.vault.find(state.KIND)
    return name


def test_what_is_allowed_is_read_when_it_changes(at, receiver):
    file, url = at.site.folder / "site.toml", f"{receiver.url}/in"
    with pytest.raises(
        Refused,
        match=r"is not public; .* in site.toml: .webhooks. allow, which counts at once",
    ):
        at.do(webhook, name="ci", url=url)
    with telling.outbox(at.site, lambda _: None):
        file.write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')
        at.do(webhook, name="ci", url=url, on=["decisions"])
        at.do(refuse, at.ben, release="buys", reason="one")
        receiver.wait("/in")
        file.write_text("[webhooks]\nallow = []\n")
        at.do(refuse, at.ben, release="buys", reason="two")
        until(lambda: "is not public" in at.do(webhooks)[0].last)
        file.write_text("[webhooks\n")
        with pytest.raises(Invalid, match=r"site.toml cannot be read"):
            at.do(webhook, name="another", url=url)
        file.write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')
        at.do(webhook, name="ci", again=True)
        receiver.wait("/in", 2)


def test_what_is_on_record_holds_no_secret(open_at):
    at = open_at
    made = at.do(webhook, name="ci", url="http://127.0.0.1:9/services/T0/rare", format="slack")
    assert made.secret is None  # a chat checks no signature
    with pytest.raises(Refused, match="ci tells a chat as slack, which checks no signature: there is no key to change"):
        at.do(webhook, name="ci", rotate=True)
    turned = at.do(webhook, name="ci", format="cloudevents")
    assert turned.secret.startswith("whsec_")  # what signs from now on was never shown
    assert at.do(webhook, name="ci", rotate=True).secret.startswith("whsec_")
    assert at.do(webhook, name="ci", format="teams").secret is None
    assert at.do(webhook, name="ci", on=["moves"]).secret is None
    gone = at.do(unhook, name="ci")
    assert (gone.version, gone.active) == (6, False)
    everything = "".join(event.body for event in at.site.ledger.find())
    for secret in ("rare", turned.secret):
        assert secret not in everything
    nouns = [decode(Webhook, event.body) for event in at.site.ledger.find(Webhook.KIND)]
    assert [(noun.version, noun.on[0], noun.active) for noun in nouns][-2:] == [(5, "moves", True), (6, "moves", False)]
    assert at.do(webhooks) == ()
    assert list(at.site.vault.find(state.KIND)) == []
    assert at.do(webhook, name="ci", url="http://127.0.0.1:9/").webhook.version == 7


def test_changing_where_keeps_how_far(open_at):
    at = open_at
    at.do(webhook, name="ci", url="http://127.0.0.1:9/")
    at.do(webhook, name="ci", url="http://127.0.0.1:10/", on=["moves", "moves"], format="teams")
    (now,) = at.do(webhooks)
    assert (now.to, now.on, now.format, now.waiting) == ("http://127.0.0.1:10/…", ("moves",), "teams", 1)
    version = at.do(webhook, name="ci", again=True).webhook.version
    assert version == 2  # nothing changed, so nothing is written


def test_what_was_removed_meanwhile_is_not_brought_back(open_at, monkeypatch):
    """By whoever looked at it before."""
    at, url, resolve = open_at, "http://127.0.0.1:9/", hooks.address.resolve

    def removes(*_):
        monkeypatch.setattr(hooks.address, "resolve", resolve)
        at.do(unhook, name="ci")

    for words in ({"url": url, "again": True}, {"url": f"{url}x"}):
        at.do(webhook, name="ci", url=url)
        monkeypatch.setattr(hooks.address, "resolve", removes)
        with pytest.raises(Refused, match="somebody else changed ci just now"):
            at.do(webhook, name="ci", **words)
        assert (at.do(webhooks), list(at.site.vault.find(state.WISH))) == ((), [])
        assert not decode(Webhook, at.site.ledger.last(Webhook.KIND, "ci@").body).active


def test_where_nothing_may_be_sent(at):
    before = at.site.ledger.head()
    for url in (*WALLED, *MALFORMED, "http://1.1.1.1/", "https://1.1.1.1:22/"):
        with pytest.raises((Invalid, Refused)):
            at.do(webhook, name="ci", url=url)
    assert at.do(webhooks) == ()
    assert at.site.ledger.head() == before


def test_what_is_wrong(open_at):
    at = open_at
    with pytest.raises(Unknown, match="no webhook is called 'ci'; to add it, say its address"):
        at.do(webhook, name="ci")
    url = "http://127.0.0.1:9/"
    with pytest.raises(Invalid, match="nothing that happens is called 'relases'; did you mean \"releases\""):
        at.do(webhook, name="ci", url=url, on=["relases"])
    with pytest.raises(Invalid, match="'slak' is no form; did you mean \"slack\""):
        at.do(webhook, name="ci", url=url, format="slak")
    with pytest.raises(Invalid, match="cannot name a webhook"):
        at.do(webhook, name="../ci", url=url)
    at.do(webhook, name="ci", url=url)
    with pytest.raises(Unknown, match='did you mean "ci"'):
        at.do(unhook, name="cii")


def test_what_the_site_file_says_is_listed_and_tried_again(at):
    with pytest.raises(Refused, match=r"mail is set up in site\.toml"):
        at.do(webhook, name="mail", again=True)
    text = '[mail]\nserver = "smtp.example:587"\nfrom = "a@b.c"\n[openlineage]\nto = "https://marquez.example/api/x"\n'
    (at.site.folder / "site.toml").write_text(text)
    found = [(now.name, now.to, now.format) for now in at.do(webhooks)]
    lineage = ("openlineage", "https://marquez.example/…", "openlineage")
    assert found == [("mail", "smtp.example:587 (starttls)", "mail"), lineage]
    assert at.do(webhook, name="mail", again=True).secret is None
    assert at.site.vault.get(state.WISH, "mail")
    with pytest.raises(Refused, match="here it can only be tried --again"):
        at.do(webhook, name="openlineage", url="https://1.1.1.1/")


def test_there_are_not_too_many(open_at, monkeypatch):
    monkeypatch.setattr(hooks, "MOST", 1)
    open_at.do(webhook, name="a", url="http://127.0.0.1:9/")
    with pytest.raises(Refused, match="which is the most"):
        open_at.do(webhook, name="b", url="http://127.0.0.1:9/")


def test_an_owner_only(open_at):
    at = open_at
    at.do(webhook, name="ci", url="http://127.0.0.1:9/")
    at.do(invite, name="olga", role="owner")
    works = Actor(name="carl", proven=True, rights=("look", "talk", "work"))
    for verb, words in (
        (webhook, {"name": "x", "url": "http://127.0.0.1:9/"}),
        (webhooks, {}),
        (unhook, {"name": "ci"}),
    ):
        with pytest.raises(Unproven):
            at.do(verb, **words)
        with pytest.raises(Forbidden):
            at.do(verb, works, **words)
    assert len(json.loads(at.site.vault.get("webhook", "ci"))) > 3
