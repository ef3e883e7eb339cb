"""What acts, said from afar and said here: on two equal projects the same answers, errors and records."""

import json
from dataclasses import fields, is_dataclass, replace

import pytest
from tests.rest.conftest import up
from tests.rest.test_gateway import ROW, until
from tests.walked import copied

import arkwright
from arkwright.api.people import accounts, entering
from arkwright.api.verbs import VERBS
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor

ACTS = sorted(name for name, verb in VERBS.items() if verb.acts and not verb.here)
OF_ITS_OWN = {  # what no two of anything have in common: when it was and how long it took, secrets
    "at", "began", "ended", "started", "made", "expires", "secret", "seconds", "edits", "log",
}  # fmt: skip
DRAWN = "Handed.id", "Webhook.id", "Ignored.until", "Rehearsed.note"  # the last says when it was first promoted


class There:
    """A project behind its control room, asked by `arkwright.connect`."""

    def __init__(self, room):
        self.room, self.at = room, room.at
        self.sites = {name: arkwright.connect(room.address, token=token) for name, token in room.tokens.items()}

    def do(self, who, verb, words):
        return getattr(self.sites[who], verb.replace("-", "_"))(**words)


class Here:
    """An equal one, asked by the verbs themselves, by the same people with the same proofs."""

    def __init__(self, room):
        self.room, self.at = room, room.at

    def do(self, who, verb, words):
        by = entering.prove(self.at.site, "token", self.room.tokens[who]).actor
        if VERBS[verb].as_role:  # which is said beside the verb here
            words = dict(words)
            by = replace(by, role=words.pop("role", None))
        if verb == "predict" and not isinstance(words["rows"], bytes):
            words = words | {"rows": json.dumps(words["rows"]).encode()}
        return VERBS[verb].function(self.at.site, by, self.at.folder, **words)


@pytest.fixture(scope="module")
def pair(walked, tmp_path_factory, shop_at):
    def made(word):
        at = copied(walked, shop_at(tmp_path_factory.mktemp(word) / "shop"))
        (at.folder / ".arkwright" / "site.toml").write_text('[webhooks]\nallow = ["127.0.0.0/8"]\n')
        return at

    with up(made("there")) as there, up(made("here")) as here:
        for room in (there, here):
            for kind, key, held in ((accounts.LINK, "a person", "carl"), (accounts.LINKED, "carl", "a person")):
                room.at.site.vault.put(kind, key, held)
        yield There(there), Here(here)


def outcome(side, who, verb, words):
    """What it gives, or the error that it raises, without the folder in which this one is."""
    try:
        return side.do(who, verb, words)
    except ArkwrightError as error:
        text = str(error).replace(str(side.at.site.folder), "the site").replace(str(side.at.folder), "the project")
        return type(error), text, type(error).exit_code


def differences(one, other, at=""):
    """Where two answers are not the same."""
    if is_dataclass(one) or hasattr(one, "_fields"):
        if type(one) is not type(other):
            yield at, one, other
            return
        for name in [field.name for field in fields(one)] if is_dataclass(one) else one._fields:
            if name not in OF_ITS_OWN and f"{type(one).__name__}.{name}" not in DRAWN:
                yield from differences(getattr(one, name), getattr(other, name), f"{at}.{name}")
    elif isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for name in one:
            yield from differences(one[name], other[name], f"{at}[{name}]")
    elif isinstance(one, tuple | list) and type(one) is type(other) and len(one) == len(other):
        for number, (mine, theirs) in enumerate(zip(one, other, strict=True)):
            yield from differences(mine, theirs, f"{at}[{number}]")
    elif one != other:
        yield at, one, other


WHERE, REASON = "gate.production", {"reason": "read the card"}
PUBLIC = "https://[2001:4860:4860::8888]/hook"
STORY = [
    ("carl", "check", {}),
    ("carl", "run", {}),
    ("carl", "run", {"seed": -1}),
    ("vera", "run", {}),
    ("carl", "again", {}),
    ("carl", "again", {"run": "shop@9"}),
    ("carl", "again", {"run": "../x"}),
    # people talk
    ("carl", "discuss", {"text": "Is it good?", "about": "release:buys@1", "question": True}),
    ("vera", "discuss", {"text": "Yes, @carl.", "thread": 1}),
    ("vera", "discuss", {"text": "Where?", "about": "release:buyz"}),
    ("vera", "discuss", {"text": "Where?"}),
    ("vera", "discuss", {"text": "", "thread": 1}),
    ("vera", "amend", {"comment": 2, "text": "Yes, it is, @carl."}),
    ("ben", "amend", {"comment": 2, "text": "No."}),
    ("vera", "amend", {"comment": 7, "text": "No."}),
    ("carl", "answer", {"comment": 2}),
    ("carl", "answer", {"comment": 2, "mark": "good"}),
    ("ben", "answer", {"comment": 1, "mark": "answered"}),
    ("carl", "follow", {"about": "endpoint:buys"}),
    ("carl", "follow", {"about": "run:shop@1"}),
    ("carl", "watch", {}),
    ("carl", "watch", {"names": ("buyz",)}),
    ("carl", "seen", {"upto": 10**6}),
    ("carl", "seen", {"upto": -1}),
    # what must hold
    ("vera", "propose", {"where": WHERE, "promise": "recall >= 0.1", "reason": "who comes again is not missed"}),
    ("vera", "propose", {"where": WHERE, "promise": "recal >= 0.1", "reason": "who comes again is not missed"}),
    ("vera", "propose", {"where": "gate.productoin", "promise": "recall >= 0.1", "reason": "so"}),
    ("vera", "propose", {"where": WHERE, "promise": "recall >= 0.2", "reason": ""}),
    ("vera", "review", {"proposal": 1, "accept": True, "reason": "my own"}),
    ("carl", "review", {"proposal": 1, "accept": True, "reason": "fine"}),
    ("vera", "propose", {"where": WHERE, "promise": "precision >= 0.1", "reason": "nobody is asked in vain"}),
    ("olga", "review", {"proposal": 2, "accept": False, "reason": "not now", "role": "model-owner"}),
    ("olga", "review", {"proposal": 2, "accept": False, "reason": "not now", "role": "owner"}),
    ("ben", "review", {"proposal": 9, "accept": True, "reason": "fine"}),
    ("ben", "review", {"proposal": 1, "accept": True, "reason": "fine", "role": "model-owner"}),
    ("ben", "review", {"proposal": 1, "accept": False, "reason": "no", "role": "model-owner"}),
    # who signs
    ("olga", "promote", {"release": "buys"}),
    ("ben", "refuse", {"release": "buys", "role": "model-owner", "reason": "not yet"}),
    ("ben", "refuse", {"release": "buys", "role": "model-owner", "reason": " "}),
    ("vera", "refuse", {"release": "buys", "role": "operations", "reason": "not yet"}),
    ("vera", "refuse", {"release": "buys", "reason": "not yet"}),
    ("ben", "sign", {"release": "buys@1", "role": "model-owner", **REASON}),
    ("ben", "sign", {"release": "buys@1", "role": "model-owner", **REASON}),
    ("ben", "sign", {"release": "buys@1", "role": "operations"}),
    ("ben", "sign", {"release": "buys@9"}),
    ("olga", "sign", {"release": "buys"}),
    ("cleo", "sign", {"release": "buys", **REASON}),
    # what answers
    ("carl", "promote", {"release": "buys"}),
    ("olga", "promote", {"release": "buyz"}),
    ("olga", "promote", {"release": "buys", "share": 1.5}),
    ("olga", "promote", {"release": "buys", "version": 7}),
    ("olga", "promote", {"release": "buys", "reason": "it is good"}),
    ("carl", "rehearse-watch", {"about": "buys"}),
    ("carl", "rehearse-watch", {"about": "buyz"}),
    ("carl", "rehearse-watch", {"about": "buys", "step": "often"}),
    ("olga", "promote", {"release": "buys"}),
    ("vera", "predict", {"endpoint": "buys", "rows": ROW}),
    ("vera", "predict", {"endpoint": "endpoint:buys", "rows": [ROW, ROW]}),
    ("vera", "predict", {"endpoint": "buys", "rows": ROW | {"age": "old"}}),
    ("vera", "predict", {"endpoint": "buys", "rows": [ROW, {}]}),
    ("vera", "predict", {"endpoint": "buys", "rows": []}),
    ("vera", "predict", {"endpoint": "buys", "rows": b"{"}),
    ("vera", "predict", {"endpoint": "buys", "rows": {"spend": 1.0}}),
    ("vera", "predict", {"endpoint": "bus", "rows": ROW}),
    ("vera", "predict", {"endpoint": "../bus", "rows": ROW}),
    ("vera", "predict", {"endpoint": "release:buys", "rows": ROW}),
    ("carl", "label", {"endpoint": "buys", "labels": [{"id": "mine-1", "label": 1}]}),
    ("carl", "label", {"endpoint": "buys", "labels": [{"id": "nobody's", "label": 0}]}),
    ("carl", "label", {"endpoint": "buys", "labels": [{"id": "mine-1", "label": "no"}]}),
    ("carl", "label", {"endpoint": "bus", "labels": [{"id": "mine-1", "label": 1}]}),
    ("vera", "label", {"endpoint": "buys", "labels": [{"id": "mine-1", "label": 1}]}),
    ("carl", "reproduce", {"endpoint": "buys", "id": "mine-1"}),
    ("carl", "reproduce", {"endpoint": "buys", "id": "nobody's"}),
    ("carl", "reproduce", {"endpoint": "bus", "id": "mine-1"}),
    ("carl", "stop", {"endpoint": "buys", "reason": "it guesses"}),
    ("olga", "stop", {"endpoint": "buys", "reason": " "}),
    ("olga", "stop", {"endpoint": "buys", "reason": "it guesses", "version": 4}),
    ("olga", "stop", {"endpoint": "buys", "reason": "it guesses"}),
    ("olga", "stop", {"endpoint": "buys", "reason": "it guesses"}),
    ("vera", "predict", {"endpoint": "buys", "rows": ROW}),
    ("olga", "resume", {"endpoint": "buys", "reason": "it does not"}),
    ("olga", "resume", {"endpoint": "buys"}),
    ("olga", "rollback", {"endpoint": "buys"}),
    ("olga", "rollback", {"endpoint": "buys", "version": 9}),
    ("olga", "rollback", {"endpoint": "bus"}),
    # who may enter, and who is told
    ("olga", "invite", {"name": "dana", "role": "viewer", "email": "dana@shop.example"}),
    ("olga", "invite", {"name": "Dana"}),
    ("olga", "invite", {"name": "../dana"}),
    ("olga", "invite", {"name": "dora", "role": "king"}),
    ("carl", "invite", {"name": "dora"}),
    ("olga", "role", {"name": "dana", "role": "contributor", "reason": "helps"}),
    ("olga", "role", {"name": "dan", "role": "contributor", "reason": "helps"}),
    ("olga", "role", {"name": "olga", "role": "viewer", "reason": "the last owner"}),
    ("olga", "unlink", {"name": "carl", "reason": "left the firm"}),
    ("olga", "unlink", {"name": "carl", "reason": "left the firm"}),
    ("olga", "unlink", {"name": "dan", "reason": "left the firm"}),
    ("olga", "webhook", {"name": "chat", "url": PUBLIC}),
    ("olga", "webhook", {"name": "chat", "on": ["nothing"]}),
    ("olga", "webhook", {"name": "inside", "url": "https://169.254.169.254/"}),
    ("carl", "webhook", {"name": "chat", "url": PUBLIC}),
    ("olga", "unhook", {"name": "chat"}),
    ("olga", "unhook", {"name": "chat"}),
    ("olga", "ignore", {"advisory": "CVE-2026-1", "reason": "not here"}),
    ("carl", "ignore", {"advisory": "CVE-2026-1", "lasts": "30d", "reason": "not here"}),
    ("carl", "mail", {}),
    ("carl", "mail", {"wants": "letters"}),
    ("carl", "mail", {"wants": "off"}),
    ("olga", "token", {}),
    ("olga", "end", {"id": "0123456789abcdef"}),
]  # fmt: skip


def answers(side):
    """It follows the endpoint, and logs what it answers."""
    path, headers = "/endpoints/buys/predict", {"X_Request_Id": "mine-1"}
    until(lambda: side.room.ask("POST", path, ROW, **headers).status == 200)


def logged(side):
    until(lambda: "mine-1" in side.room.ask("GET", "/api/predictions?endpoint=buys").data.decode())


def follows(side):
    """What it answers is of the endpoint as it stands."""
    stopped = VERBS["live"].function(side.at.site, Actor(name="x"), side.at.folder, endpoint="buys").endpoint.stopped
    until(lambda: (side.room.ask("POST", "/endpoints/buys/predict", ROW).status == 503) is bool(stopped))


def test_every_acting_verb_gives_and_raises_there_what_it_gives_and_raises_here(pair):
    ready = {"predict": [answers], "label": [logged]}
    found = []
    for who, verb, words in STORY:
        for side in pair:
            for wait in ready.get(verb, ()):
                wait(side)
        ready.pop(verb, None)
        if verb in ("stop", "resume"):
            ready["predict"] = [follows]
        one, other = (outcome(side, who, verb, words) for side in pair)
        found += [(who, verb, words, *difference) for difference in differences(one, other)]
    assert found == []
    there, here = (records(side) for side in pair)
    assert there == here
    assert len(there) > 30


def records(side):
    """What is on record by now, by kind and key."""
    events = VERBS["ledger"].function(side.at.site, Actor(name="x"), side.at.folder, last=1000)
    return [(event.by, event.kind, event.key) for event in events]


def test_the_story_has_every_acting_verb_and_an_error_of_each():
    """`predict` is said to the endpoint itself, and acts on nothing; it is here for its errors."""
    assert {verb for _, verb, _ in STORY} == {*ACTS, "predict"}
    assert {verb for verb in ACTS if len([1 for _, one, _ in STORY if one == verb]) < 2} <= {"check", "token", "end"}
