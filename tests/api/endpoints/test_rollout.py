"""How an endpoint moves: a canary, a shadow, a hold, a share by hand, back, two at once; and what then answers."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import contextmanager

import pytest
from tests.serve.supervised import workers

from arkwright.api.endpoints import rollout, traffic
from arkwright.api.endpoints.rollout import promote, rollback
from arkwright.core import versions
from arkwright.core.errors import Corrupt, Invalid, Refused
from arkwright.core.nouns import Endpoint, Release

ROW = {"country": "DE", "spent": 90.5, "age": None}
ONE, TWO, THREE = (f"release:buys@{version}" for version in (1, 2, 3))


def agreed(at, **rollout):
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in rollout.items())
    at.shop.edit("arkwright.toml", "[endpoint.buys]\n", f"[endpoint.buys.rollout]\n{lines}\n[endpoint.buys]\n")


def test_as_a_canary_first_and_then_all(second):
    agreed(second, canary=0.1)
    tried = second.do(promote, release="buys@2", reason="fewer alarms")
    assert (tried.shares, tried.reason) == ({TWO: 0.1, ONE: 0.9}, f"{TWO} answers 10 % of the requests: fewer alarms")
    assert second.do(promote, release="buys@2").shares == {TWO: 1.0}
    assert second.do(promote, release="buys@2").version == 3


def test_a_canary_is_held(second):
    agreed(second, canary=0.25, hold="2h")
    second.do(promote, release="buys@2")
    with pytest.raises(Refused, match=r"release:buys@2 must be tried for 2h before it goes on, 1[12]\d min from now"):
        second.do(promote, release="buys@2")
    assert second.do(promote, release="buys@2", share=1.0).shares == {TWO: 1.0}


def test_a_shadow_answers_nothing_and_then_goes_on(second):
    agreed(second, shadow=True, canary=0.5)
    shadow = second.do(promote, release="buys@2")
    assert (shadow.shares, shadow.shadows) == ({ONE: 1.0}, (TWO,))
    canary = second.do(promote, release="buys@2")
    assert (canary.shares, canary.shadows) == ({TWO: 0.5, ONE: 0.5}, ())


def test_a_share_by_hand(second):
    assert second.do(promote, release="buys@2", share=0.2).shares == {TWO: 0.2, ONE: 0.8}
    assert second.do(promote, release="buys@2", share=0.7).shares == pytest.approx({TWO: 0.7, ONE: 0.3})
    second.made(3)
    assert second.do(promote, release="buys@3", share=0.5).shares == pytest.approx({THREE: 0.5, TWO: 0.35, ONE: 0.15})
    for share in (0.0, -0.1, 1.01, float("nan")):
        with pytest.raises(Invalid, match="goes above 0 up to 1"):
            second.do(promote, release="buys@3", share=share)
    with pytest.raises(Invalid, match="a shadow has no share"):
        second.do(promote, release="buys@3", share=0.1, shadow=True)


@pytest.mark.parametrize(("gone", "said"), [(False, "/.* is no longer what was kept"), (True, ".* is gone")])
def test_what_has_rotted_is_not_promoted(second, gone, said):
    """What it belongs to is said, not only where it was kept."""
    path = second.site.store.path(versions.resolve(second.site.ledger, Release, "buys@2").files["model.onnx"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    if gone:
        path.unlink()
    with pytest.raises(Corrupt, match=rf"^model\.onnx of release:buys@2: {said}"):
        second.do(promote, release="buys@2")
    assert versions.latest(second.site.ledger, Endpoint, "buys").version == 1


def test_what_cannot_be(first):
    with pytest.raises(Refused, match="answers alone"):
        first.do(promote, release="buys@1", share=0.5)
    with pytest.raises(Refused, match="answers requests already"):
        first.do(promote, release="buys@1", shadow=True)
    assert versions.latest(first.site.ledger, Endpoint, "buys").version == 1


def test_a_first_release_is_no_shadow(at):
    at.signed(1)
    with pytest.raises(Refused, match="nothing answers at buys yet"):
        at.do(promote, release="buys@1", shadow=True)


def test_back_from_a_canary(second):
    second.do(promote, release="buys@2", share=0.1)
    back = second.do(rollback, endpoint="buys", reason="slower")
    assert (back.shares, back.version) == ({ONE: 1.0}, 3)
    assert back.reason == f"rolled back from {TWO}: slower"
    with pytest.raises(Refused, match="nothing to go back to"):
        second.do(rollback, endpoint="buys")


def test_two_who_move_it_at_once(second, monkeypatch):
    """One of them is told; nothing is overwritten. Who does the same twice at once did it once."""
    move, moves, words = rollout.move, [], {"share": 0.3}

    def late(site, by, moved, releases):
        if not moves:  # somebody else is quicker
            moves.append(moved)
            second.do(promote, release="buys@2", **words)
        return move(site, by, moved, releases)

    monkeypatch.setattr(rollout, "move", late)
    with pytest.raises(Refused, match="somebody else moved the endpoint buys just now"):
        second.do(promote, release="buys@2")
    assert versions.latest(second.site.ledger, Endpoint, "buys").shares == {TWO: 0.3, ONE: 0.7}
    moves.clear()
    words.clear()
    moved = second.do(promote, release="buys@2")
    assert moved == versions.latest(second.site.ledger, Endpoint, "buys") == moves[0]
    assert moved.shares == {TWO: 1.0}


@contextmanager
def served(at, *words):
    """The address at which `arkwright serve` answers, and its process."""
    command = [
        sys.executable,
        "-m",
        "arkwright.cli.main",
        "serve",
        "buys",
        "--port",
        "0",
        "--drain-delay",
        "0",
        "--json",
        *words,
    ]
    with (at.folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=at.folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        said = ""
        while "}" not in said:
            line = server.stdout.readline()
            assert line, (at.folder / "log").read_text()
            said += line
        yield json.loads(said)["address"], server
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.communicate()


def ask(address, path="/predict", **headers):
    """(status, release)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    request = urllib.request.Request(address + path, json.dumps(ROW).encode(), named)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
            assert response.headers["Arkwright-Release"] == answer["release"]
            return response.status, answer["release"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def until(true):
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_is_served_follows_the_endpoint(second):
    with served(second) as (address, _):
        assert ask(address) == (200, ONE)
        status, said = ask(address, Arkwright_Release=TWO)
        assert (status, "has no version '2'" in said) == (404, True)
        second.do(promote, release="buys@2", share=0.3)
        until(lambda: ask(address, Arkwright_Release="2") == (200, TWO))
        keys = [f"customer-{i}" for i in range(300)]
        before = {key: ask(address, Arkwright_Key=key)[1] for key in keys}
        count = Counter(before.values())[TWO]
        assert abs(count - 90) < 4 * (300 * 0.3 * 0.7) ** 0.5
        assert ask(address, Arkwright_Release="release:buys@1", Arkwright_Key=keys[0]) == (200, ONE)
        second.do(promote, release="buys@2", share=0.6)
        until(lambda: Counter(ask(address, Arkwright_Key=key)[1] for key in keys)[TWO] > count)
        after = {key: ask(address, Arkwright_Key=key)[1] for key in keys}
        assert all(after[key] == TWO for key in keys if before[key] == TWO)
        second.do(promote, release="buys@2")
        until(lambda: ask(address, Arkwright_Release="1")[0] == 404)
        assert {ask(address, Arkwright_Key=key) for key in keys[:50]} == {(200, TWO)}
        second.do(rollback, endpoint="buys")
        until(lambda: ask(address, Arkwright_Release="2")[0] == 404)


def test_what_could_not_be_followed_is_tried_again(second, monkeypatch):
    """A disk that was full. Until then it is told once, and the other endpoints move on."""
    path = second.site.store.path(versions.resolve(second.site.ledger, Release, "buys@2").files["model.onnx"])
    with traffic._Watch(second.site, (), strict=True) as watch:
        (share,) = watch(())["buys"].shares
        assert share.served.release == ONE
        second.do(promote, release="buys@2")
        path.rename(path.with_suffix(".away"))
        assert watch({ONE})["buys"].shares == (share,)
        assert watch({ONE}) is None
        path.with_suffix(".away").rename(path)
        assert watch({ONE}) is None
        monkeypatch.setattr(traffic, "monotonic", lambda: time.monotonic() + traffic.AGAIN_S)
        assert [share.served.release for share in watch({ONE})["buys"].shares] == [TWO]
        assert watch({TWO}) is None


def test_what_does_not_verify_is_not_served_and_the_old_one_goes_on(second):
    release = versions.resolve(second.site.ledger, Release, "buys@2")
    path = second.site.store.path(release.files["model.onnx"])
    log = second.folder / "log"
    with served(second, "--workers", "2") as (address, server):
        server.send_signal(signal.SIGSTOP)  # so that it looks when all is done
        second.do(promote, release="buys@2")
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
        server.send_signal(signal.SIGCONT)
        until(lambda: "endpoint:buys@2 is not followed" in log.read_text())
        assert {ask(address) for _ in range(20)} == {(200, ONE)}
        os.kill(workers(server.pid)[0], signal.SIGKILL)
        until(lambda: "another takes its place" in log.read_text())
        assert {ask(address) for _ in range(20)} == {(200, ONE)}
