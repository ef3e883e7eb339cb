"""Stopping an endpoint and letting it answer again: the verbs "stop" and "resume"."""

import json
import time
from datetime import UTC, datetime

import pytest
from tests.api.endpoints.test_rollout import ONE, ROW, TWO, ask, served, until

from arkwright.api.catalog import live
from arkwright.api.decide import refuse
from arkwright.api.endpoints.answer import predict
from arkwright.api.endpoints.emergency import resume, stop
from arkwright.api.endpoints.rollout import promote, rollback
from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.errors import Invalid, Outdated, Refused
from arkwright.core.nouns import Endpoint

WHY = "it says yes to everybody"
TOLD = f"buys is stopped by ana: {WHY}"


def test_stopped_and_resumed(first):
    stopped = first.do(stop, endpoint="buys", reason=f" {WHY} ")
    assert (stopped.ref, stopped.stopped, stopped.reason) == ("endpoint:buys@2", "ana", WHY)
    with pytest.raises(Refused, match="endpoint:buys@2 is stopped already, by ana: it says yes"):
        first.do(stop, first.ben, endpoint="buys", reason="me too")
    with pytest.raises(Refused, match="stopped by ana"):
        first.do(predict, endpoint="buys", rows=json.dumps(ROW).encode())
    again = first.do(resume, endpoint="buys", reason="repaired")
    assert (again.version, again.shares, again.stopped, again.reason) == (3, {ONE: 1.0}, "", "resumed: repaired")
    assert first.do(predict, endpoint="buys", rows=json.dumps(ROW).encode())["release"] == ONE
    with pytest.raises(Refused, match="is not stopped"):
        first.do(resume, endpoint="buys")


def test_what_was_live_tells_of_it(first):
    before = datetime.now(UTC)
    time.sleep(0.002)  # times are told to the millisecond
    first.do(stop, endpoint="buys", reason=WHY)
    stopped = datetime.now(UTC)
    time.sleep(0.002)
    first.do(resume, endpoint="buys")
    then, between, now = (first.do(live, endpoint="buys", at=at) for at in (before, stopped, None))
    assert [one.release for one in then.releases] == [one.release for one in now.releases] == [ONE]
    assert (between.releases, between.endpoint.stopped, between.endpoint.reason, between.by) == ((), "ana", WHY, "ana")
    assert between.until == now.since


def test_only_with_a_reason(first):
    with pytest.raises(Invalid, match="say why it is stopped"):
        first.do(stop, endpoint="buys", reason=" \n")
    with pytest.raises(Outdated, match="is at version 1, not 4"):
        first.do(stop, endpoint="buys", reason=WHY, version=4)
    with pytest.raises(Outdated, match="is at version 1, not 4"):
        first.do(resume, endpoint="buys", version=4)
    assert versions.latest(first.site.ledger, Endpoint, "buys").version == 1


def test_a_release_that_is_to_answer_alone_starts_it_again(second):
    second.do(stop, endpoint="buys", reason=WHY)
    for words in ({"share": 0.1}, {"shadow": True}):
        with pytest.raises(Refused, match=f"is stopped by ana: {WHY}; to have {TWO} alone answer: --share 1; to go on"):
            second.do(promote, release="buys@2", **words)
    moved = second.do(promote, release="buys@2")
    assert (moved.shares, moved.stopped, moved.version) == ({TWO: 1.0}, "", 3)
    second.do(stop, endpoint="buys", reason=WHY)
    assert second.do(promote, release="buys@2").stopped == ""
    second.do(stop, endpoint="buys", reason=WHY)
    back = second.do(rollback, endpoint="buys")
    assert (back.shares, back.stopped, back.version) == ({ONE: 1.0}, "", 7)


def test_what_the_gate_holds_back_is_not_resumed(first):
    first.do(stop, endpoint="buys", reason=WHY)
    first.do(refuse, first.ben, release="buys@1", reason="not any more")
    with pytest.raises(Refused, match="release:buys@1 may not be deployed"):
        first.do(resume, endpoint="buys")


def test_whoever_moves_it_meanwhile_does_not_get_in_the_way(second, monkeypatch):
    move, moves = versions.move, []

    def late(ledger, by, moved):
        if not moves:
            moves.append(moved)
            second.do(promote, release="buys@2")
        return move(ledger, by, moved)

    monkeypatch.setattr(versions, "move", late)
    stopped = second.do(stop, endpoint="buys", reason=WHY)
    assert (stopped.version, stopped.shares, stopped.stopped) == (3, {TWO: 1.0}, "ana")


def test_a_server_says_so_within_a_second(first):
    with served(first) as (address, _):
        assert ask(address) == (200, ONE)
        first.do(stop, endpoint="buys", reason=WHY)
        began = time.monotonic()
        until(lambda: ask(address, "/endpoints/buys/predict")[0] == 503)
        assert time.monotonic() - began < 5  # it takes a fifth of a second, on a machine that is free
        for path in ("/predict", "/endpoints/buys/predict", "/v2/models/buys/infer"):
            status, said = ask(address, path)
            assert (status, json.loads(said)) == (503, {"error": TOLD}), path
        first.do(resume, endpoint="buys")
        until(lambda: ask(address) == (200, ONE))


def test_a_server_begins_with_a_stopped_endpoint(first):
    first.do(stop, endpoint="buys", reason=WHY)
    with served(first) as (address, _):
        assert ask(address) == (503, json.dumps({"error": TOLD}, separators=(",", ":")))


def test_by_word(first, capsys):
    place = ("--project", str(first.folder))
    assert main(["stop", "buys", "--by", "ana", "--reason", WHY, *place]) == 0
    assert "endpoint:buys@2 is stopped, nothing answers" in capsys.readouterr().out
    assert main(["live", "buys", *place]) == 0
    assert "stopped by ana: nothing answers" in capsys.readouterr().out
    assert main(["resume", "buys", "--by", "ana", *place]) == 0
    assert "endpoint:buys@3 answers with release:buys@1 again" in capsys.readouterr().out
