"""Who is told outside, on its page: added, followed, tried again, removed; with a real receiver on loopback."""

import re

import pytest
from standardwebhooks.webhooks import Webhook as Judge
from tests.notify.conftest import receiver
from tests.pages.conftest import House
from tests.rest.conftest import up
from tests.rest.test_jobs import until

from arkwright.api import decide
from arkwright.api.talking.hooks import webhook
from arkwright.notify import hooks, state

__all__ = ["receiver"]
PLACE, TOLD = "/webhooks", "/hooks/T0secret"


@pytest.fixture
def allowing(at):
    """A site whose machine allows loopback."""
    (at.site.folder / "site.toml").write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')
    return at


@pytest.fixture
def house(allowing):
    with up(allowing) as made:
        yield House(made)


def refuse(house, reason):
    """Something happens that is told."""
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', house.page("/releases/buys@1", by="ben")[1])[1]
    words = {"role": "model-owner", "digest": digest, "reason": reason}
    assert house.send("/releases/buys@1/refuse", by="ben", **words)[0] == 303


def listed(house, said):
    """The page, once it says so."""
    return until(lambda: (text := house.page(PLACE)[1]) and said in text and text)


def test_from_the_first_message_to_the_last(house, receiver):
    assert "Nobody outside is told anything" in house.page(PLACE)[1]
    assert house.page(PLACE, by="carl")[0] == 403
    assert f'href="{PLACE}"' not in house.page("/account", by="carl")[1]
    status, text = house.send(PLACE, name="ci", url="http://10.1.2.3/x", format="", on="decisions")
    assert (status, "10.1.2.3" in text) == (409, True)
    assert house.send(PLACE, name="ci", url=receiver.url + TOLD, on="nothing")[0] == 422
    status, text = house.send(PLACE, name="ci", url=receiver.url + TOLD, format="", on="decisions")
    key = re.search(r'value="(whsec_[^"]+)"', text)[1]
    assert status == 200
    assert key not in house.page(PLACE)[1]
    refuse(house, "too low")
    ((headers, body),) = receiver.wait(TOLD)
    assert Judge(key).verify(body, headers)["data"]["noun"]["reason"] == "too low"
    text = listed(house, ">told</span>")
    assert "T0secret" not in text
    assert "decisions; as cloudevents" in text
    receiver.answers[TOLD] = 410
    refuse(house, "still too low")
    text = listed(house, ">off</span>")
    assert "Try again" in text
    assert "tried 1 time, not again: it wants to hear nothing any more" in text
    del receiver.answers[TOLD]
    assert house.send(f"{PLACE}/ci/again", by="carl")[0] == 403
    assert (house.send(f"{PLACE}/ci/again")[0], house.said) == (303, "ci: it is tried again")
    listed(house, ">told</span>")
    status, text = house.send(f"{PLACE}/ci/rotate")
    assert (status, key in text, "whsec_" in text) == (200, False, True)
    assert (house.send(f"{PLACE}/ci/remove")[0], house.said) == (303, "ci is told nothing any more")
    assert "Nobody outside is told anything" in house.page(PLACE)[1]
    assert house.send(f"{PLACE}/ci/remove")[0] == 404
    assert house.send(f"{PLACE}/mail/again")[0] == 409


def test_what_was_given_up_is_listed_and_tried_once_more(allowing, receiver):
    at, why = allowing, "<script>alert(1)</script>"
    at.do(decide.refuse, at.ben, release="buys", reason="too low")
    at.do(webhook, name="ci", url=receiver.url + TOLD, on=["decisions"])
    at.do(webhook, name="team", url=f"{receiver.url}/team", format="slack")
    seq = next(event.seq for event in at.site.ledger.find("decision"))
    kept = state.Kept(at.site.vault, hooks.get(at.site.vault, "ci").id)
    kept.change(kept.state().given_up(seq, "", why, "2026-11-29T08:00:00+00:00"))
    with up(at) as room:
        house = House(room)
        text = house.page(PLACE)[1]
        for said in ("1 message was given up", f'href="/ledger?before={seq + 1}#e{seq}"', "&lt;script&gt;alert(1)"):
            assert said in text
        assert why not in text
        assert ("/webhooks/ci/rotate" in text, "/webhooks/team/rotate" in text) == (True, False)  # chats have no key
        assert f'id="e{seq}"' in house.page(f"/ledger?before={seq + 1}")[1]
        assert house.send(f"{PLACE}/ci/again")[0] == 303
        receiver.wait(TOLD)
        until(lambda: "given up" not in house.page(PLACE)[1])
