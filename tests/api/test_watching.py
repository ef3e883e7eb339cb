"""What an endpoint promises is measured on what came: counted once, added up, whatever was killed on the way."""

import json

import msgspec
import numpy as np
import pytest

from arkwright.api.decide import sign
from arkwright.api.rollout import promote
from arkwright.api.watching import watch
from arkwright.core import versions
from arkwright.core.nouns import Release
from arkwright.core.signature import Signature
from arkwright.serve.tap import writer
from arkwright.serve.tap.writer import Tap

PROMISES = 'gate  = "production"\npromises = ["psi(spent) < 0.2", "ks(prediction) < 1", "drifted_columns() == 0"]\n'


@pytest.fixture
def live(at):
    """The endpoint `buys`, promoted, with promises about its traffic."""
    at.shop.edit("arkwright.toml", 'gate  = "production"\n', PROMISES)
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    return at


def answered(at, rows, monkeypatch, ago=600):
    """These rows were answered so many seconds ago, and are in a closed segment."""
    release = versions.resolve(at.site.ledger, Release, "buys")
    shape = msgspec.json.decode(at.site.store.path(release.files["signature.json"]).read_bytes(), type=Signature)
    clock = writer.time.time_ns
    with monkeypatch.context() as patched:
        patched.setattr(writer.time, "time_ns", lambda: clock() - ago * 10**9)
        tap = Tap(at.site.predictions / "buys", "buys")
        number = tap.release(release.ref, release.digest, shape)
        for start in range(0, len(rows), 100):
            some = rows[start : start + 100]
            said = [{"label": int(row["spent"] > 60), "probabilities": {"0": 0.5, "1": 0.5}} for row in some]
            tap.add(number, f"r{ago}-{start}".encode(), b"test", json.dumps(some).encode(),
                    json.dumps({"predictions": said}).encode(), 400)  # fmt: skip
        tap.close()


def rows(n, shift=0.0):
    rng = np.random.default_rng(1)
    return [
        {"country": str(rng.choice(["DE", "FR"])), "spent": float(rng.uniform(0, 120)) + shift, "age": None}
        for _ in range(n)
    ]


def found(at):
    return {one.promise: one for one in at.do(watch, endpoints=["buys"])}


def test_nothing_came(live):
    assert {one.verdict for one in found(live).values()} == {"unproven"}


def test_what_moved_is_found(live, monkeypatch):
    answered(live, rows(1000, shift=200), monkeypatch)
    first = found(live)
    assert first["psi(spent) < 0.2"].verdict == "broken"
    assert first["psi(spent) < 0.2"].n == 1000
    assert first["drifted_columns() == 0"].verdict == "broken"
    assert "spent" in first["drifted_columns() == 0"].note
    assert found(live)["psi(spent) < 0.2"].n == 1000  # counted once
    answered(live, rows(500, shift=200), monkeypatch, ago=300)
    assert found(live)["psi(spent) < 0.2"].n == 1500
