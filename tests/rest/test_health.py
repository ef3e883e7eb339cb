"""What `/health` says of endpoints, from what their server answers with, and what it costs whoever else asks."""

import asyncio
import json
import time
from types import SimpleNamespace

import pytest

from arkwright.core.errors import Refused
from arkwright.core.nouns import Endpoint
from arkwright.rest import health

LOG = "not loaded yet, or it cannot be, which the server's log tells"


@pytest.fixture
def asked(monkeypatch):
    """What is said where this was promoted, and the server of the endpoints does so when it is asked."""

    def told(promoted, answers, *, known=None, **more):
        monkeypatch.setattr(health.plane, "ask", answers)
        monkeypatch.setattr(health.context, "known", lambda _: known)
        monkeypatch.setattr(health.context, "context", lambda _: at)
        shares = {name: dict.fromkeys(refs, 1 / len(refs)) for name, refs in promoted.items()}
        found = [Endpoint(name=name, version=1, shares=shares[name], **more) for name in promoted]
        catalog = SimpleNamespace(newest=lambda *_, **__: found, behind=None)
        site = SimpleNamespace(catalog=catalog, ledger=SimpleNamespace(head=str))
        at = SimpleNamespace(endpoints="socket", site=site, unready=tuple)
        answer = asyncio.run(health.Health().answer(None))
        return answer.status_code, json.loads(answer.body)

    return told


def saying(status=200, body=None, **answering):
    """A server of endpoints that answers with these releases, or something else."""
    body = body or json.dumps({"endpoints": {name: {"releases": refs} for name, refs in answering.items()}}).encode()
    return lambda *_, **__: SimpleNamespace(status=status, body=body)


@pytest.mark.parametrize(
    ("answering", "named"),
    [
        ({"late": ["late@1"], "buys": ["buys@3"]}, "late does"),  # without its canary
        ({"late": ["late@1", "late@2"], "buys": ["buys@2"]}, "buys does"),  # as before
        ({}, "buys, late do"),
    ],
)
def test_what_was_promoted_and_does_not_answer_is_named_to_whoever_is_logged_in(asked, answering, named):
    promoted = {"late": ["late@1", "late@2"], "buys": ["buys@3"]}
    number = "2 endpoints do" if "," in named else "1 endpoint does"
    for known, who in ((object(), named), (None, number)):
        why = f"{who} not answer as promoted: {LOG}"
        assert asked(promoted, saying(**answering), known=known) == (200, {"status": "degraded", "why": why})


def test_all_that_was_promoted_answers(asked):
    assert asked({"buys": ["buys@3"]}, saying(buys=["buys@3"])) == (200, {"status": "ready"})


def test_nobody_waits_for_what_was_stopped(asked):
    assert asked({"late": ["late@1"]}, saying(), stopped="ana") == (200, {"status": "ready"})


def test_of_many_some_are_named(asked):
    _, said = asked({f"e{n}": ["e@1"] for n in range(7)}, saying(), known=object())
    assert said["why"].startswith("e0, e1, e2, e3, e4 and 2 more do not")


def test_a_server_that_does_not_answer_is_not_ready(asked):
    def silent(*_, **__):
        raise Refused("nobody answers")

    status, said = asked({"buys": ["buys@3"]}, silent)
    assert (status, said["waits_for"]) == (503, ["endpoints"])


@pytest.mark.parametrize(
    "answer",
    [
        saying(503, b'{"detail":"too many connections; try again"}'),
        saying(200, b"<html>"),
        saying(200, b'{"endpoints": 3}'),
        saying(200, b"[]"),
    ],
)
def test_a_server_that_says_something_else_takes_nobody_the_pages(asked, answer):
    status, said = asked({"buys": ["buys@3"]}, answer)
    assert (status, said["status"]) == (200, "degraded")
    assert said["why"].startswith("the server of the endpoints does not say what it answers with")


def test_who_polls_shares_one_look(monkeypatch):
    """However many ask, one thread looks, and nobody looks again for a while."""
    looks = []

    def slow(_):
        time.sleep(0.05)
        looks.append(1)
        return health.Seen()

    monkeypatch.setattr(health, "look", slow)
    monkeypatch.setattr(health.context, "context", lambda _: None)
    monkeypatch.setattr(health.context, "known", lambda _: None)

    async def poll():
        shared = health.Health()
        gone = asyncio.create_task(shared.answer(None))
        await asyncio.sleep(0)
        gone.cancel()  # who leaves takes it from nobody
        answers = await asyncio.gather(*(shared.answer(None) for _ in range(100)), shared.answer(None))
        assert {answer.status_code for answer in answers} == {200}
        await shared.answer(None)
        assert len(looks) == 1
        monkeypatch.setattr(health, "SHARED", 0.0)
        shared._until = 0.0
        await shared.answer(None)
        assert len(looks) == 2

    asyncio.run(poll())
