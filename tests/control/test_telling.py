"""`arkwright up` tells the outside, over REST and through kills."""

import json
import signal
from types import SimpleNamespace

from standardwebhooks.webhooks import Webhook as Judge
from tests.notify.conftest import receiver, until
from tests.rest.conftest import up

from arkwright.api.decide import refuse
from arkwright.core.nouns import Actor
from arkwright.sites import choose_ledger, local

__all__ = ["receiver"]


def test_it_is_told_by_rest_and_through_a_kill(at, receiver):
    (at.site.folder / "site.toml").write_text('[webhooks]\nallow = ["127.0.0.1/32"]\n')
    with up(at) as room:
        words = {"name": "ci", "url": f"{receiver.url}/in", "on": ["decisions"]}
        assert room.ask("POST", "/api/webhook", words, by="vera").status == 403
        assert room.ask("POST", "/api/webhook", {**words, "url": "http://169.254.169.254/"}).status == 409
        made = room.ask("POST", "/api/webhook", words)
        assert made.status == 200, made.data
        key = json.loads(made.data)["secret"]
        assert room.ask("POST", "/api/refuse", {"release": "buys", "reason": "one"}, by="ben").status == 200
        ((headers, body),) = receiver.wait("/in")
        assert Judge(key).verify(body, headers)["data"]["url"] == f"{room.address}/releases/buys@1"
        receiver.answers["/in"] = 500
        assert room.ask("POST", "/api/refuse", {"release": "buys", "reason": "two"}, by="ben").status == 200
        receiver.wait("/in", 2)
        room.process.send_signal(signal.SIGKILL)
        room.process.wait(30)
    ben = Actor(name="ben", role="model-owner", proven=True, signs=("model-owner",), rights=("look", "talk"))
    at.do(refuse, ben, release="buys", reason="three")  # while nobody delivers
    receiver.answers["/in"] = 200
    with up(at) as room:
        receiver.wait("/in", 4)
        (found,) = json.loads(room.ask("GET", "/api/webhooks").data)
        assert (found["name"], found["dead"], found["last"]) == ("ci", [], "told")
        assert key not in json.dumps(found)
        assert room.ask("GET", "/api/webhooks", by="carl").status == 403
    said = [json.loads(body) for _, body in receiver.at("/in")]
    assert [one["data"]["noun"]["reason"] for one in said] == ["one", "two", "two", "three"]
    assert said[1]["id"] == said[2]["id"]


def test_two_rooms_on_one_schema_tell_each_thing_once(postgres, schema, shop, receiver):
    """In order, whichever of them it happens in; one goes on where the other is killed."""
    site = choose_ledger(local(shop.folder), postgres.url(schema))
    with (site.folder / "site.toml").open("a") as file:
        file.write('[webhooks]\nallow = ["127.0.0.1/32"]\n')
    at = SimpleNamespace(folder=shop.folder, site=site)
    with up(at) as one, up(at) as two:
        words = {"name": "ci", "url": f"{receiver.url}/in", "on": ["people"]}
        assert two.ask("POST", "/api/webhook", words).status == 200
        for number, room in enumerate((one, two) * 10):
            assert room.ask("POST", "/api/invite", {"name": f"p{number}"}).status == 200
        until(lambda: json.loads(two.ask("GET", "/api/webhooks").data)[0]["waiting"] == 0)
        one.process.send_signal(signal.SIGKILL)
        one.process.wait(30)
        assert two.ask("POST", "/api/invite", {"name": "p20"}).status == 200
        receiver.wait("/in", 21)
    said = [json.loads(body)["data"]["noun"]["name"] for _, body in receiver.at("/in")]
    assert said == [f"p{number}" for number in range(21)]
