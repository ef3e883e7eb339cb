"""What `/health` says of endpoints, from what their server answers with."""

import json
from types import SimpleNamespace

import pytest

from arkwright.core.errors import Refused
from arkwright.core.nouns import Endpoint
from arkwright.rest import health


@pytest.fixture
def short(monkeypatch):
    """What is said of endpoints that were promoted to these releases, where these answer."""

    def told(promoted, answering, **more):
        body = json.dumps({"endpoints": {name: {"releases": refs} for name, refs in answering.items()}}).encode()
        monkeypatch.setattr(health.plane, "ask", lambda *_, **__: SimpleNamespace(body=body))
        shares = {name: dict.fromkeys(refs, 1 / len(refs)) for name, refs in promoted.items()}
        found = [Endpoint(name=name, version=1, shares=shares[name], **more) for name in promoted]
        catalog = SimpleNamespace(newest=lambda *_, **__: found)
        return health._short(SimpleNamespace(endpoints="socket", site=SimpleNamespace(catalog=catalog)))

    return told


@pytest.mark.parametrize(
    ("answering", "named"),
    [
        ({"late": ["late@1", "late@2"], "buys": ["buys@3"]}, ""),
        ({"late": ["late@1"], "buys": ["buys@3"]}, "late does not"),  # without its canary
        ({"late": ["late@1", "late@2"], "buys": ["buys@2"]}, "buys does not"),  # as before
        ({}, "buys, late do not"),
    ],
)
def test_what_was_promoted_and_does_not_answer_is_named(short, answering, named):
    told = short({"late": ["late@1", "late@2"], "buys": ["buys@3"]}, answering)
    assert [one.partition(" answer as promoted")[0] for one in told] == ([named] if named else [])


def test_nobody_waits_for_what_was_stopped(short):
    assert short({"late": ["late@1"]}, {}, stopped="ana") == []


def test_of_many_some_are_named(short):
    assert short({f"e{n}": ["e@1"] for n in range(7)}, {})[0].startswith("e0, e1, e2, e3, e4 and 2 more do not")


def test_a_server_that_does_not_tell_is_not_ready(short, monkeypatch):
    def silent(*_, **__):
        raise Refused("nobody answers")

    short({}, {})
    monkeypatch.setattr(health, "_short", silent)
    site = SimpleNamespace(ledger=SimpleNamespace(head=str), catalog=SimpleNamespace(behind=None))
    monkeypatch.setattr(health.context, "context", lambda _: SimpleNamespace(unready=tuple, site=site))
    answer = health.health(None)
    assert (answer.status_code, json.loads(answer.body)["waits_for"]) == (503, ["endpoints"])
