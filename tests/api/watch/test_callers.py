"""Who asks an endpoint for what, from its own log: an honest caller, and one who takes a copy of the model."""

import json

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from arkwright.api.decide import sign
from arkwright.api.endpoints.rollout import promote
from arkwright.api.watch import alarms, window
from arkwright.api.watch.rounds import watch
from arkwright.core import versions
from arkwright.core.nouns import Release
from arkwright.core.signature import Signature
from arkwright.monitor.counting import reference
from arkwright.serve.tap import writer
from arkwright.serve.tap.writer import Tap

COPIED, STRANGE = "extraction_like(at_least=200) == 0", "out_of_distribution <= 0.05"


@pytest.fixture
def live(at):
    at.shop.edit(
        "arkwright.toml", 'gate  = "production"\n', f'gate  = "production"\npromises = ["{COPIED}", "{STRANGE}"]\n'
    )
    at.do(sign, at.ben, release="buys")
    at.do(sign, at.cleo, release="buys")
    at.do(promote, release="buys")
    return at


def asked(at, monkeypatch, **callers):
    """Each caller asked for these rows ten minutes ago."""
    release = versions.resolve(at.site.ledger, Release, "buys")
    shape = msgspec.json.decode(at.site.store.path(release.files["signature.json"]).read_bytes(), type=Signature)
    clock = writer.time.time_ns
    with monkeypatch.context() as patched:
        patched.setattr(writer.time, "time_ns", lambda: clock() - 600 * 10**9)
        tap = Tap(at.site.predictions / "buys", "buys")
        number = tap.release(release.ref, release.digest, shape)
        for caller, rows in callers.items():
            said = [{"label": 1, "probabilities": {"0": 0.4, "1": 0.6}}] * len(rows)
            answer = json.dumps({"predictions": said}).encode()
            tap.add(number, caller.encode(), caller.encode(), json.dumps(rows).encode(), answer, 400)
        tap.close()


def rows(at, n, seed):
    """Rows like those that the release was judged on."""
    rng = np.random.default_rng(seed)
    lines = (at.folder / "buyers.csv").read_text().splitlines()
    names, known = lines[0].split(","), [line.split(",") for line in lines[1:]]
    found = []
    for place in rng.integers(0, len(known), n):
        row = dict(zip(names, known[place], strict=True))
        age = int(row["age"]) if row["age"] else None
        found.append({"country": row["country"], "spent": float(row["spent"]), "age": age})
    return found


def found(at):
    return {one.promise: one for one in at.do(watch, names=["buys"])}


def test_each_caller_is_looked_at_alone(live, monkeypatch):
    honest = rows(live, 3000, 1)
    strange = [row | {"spent": row["spent"] + (1e6 if n % 5 == 0 else 0)} for n, row in enumerate(rows(live, 500, 2))]
    asked(live, monkeypatch, ana=honest)
    assert found(live)[STRANGE].verdict == "kept"
    asked(live, monkeypatch, mallory=strange)
    one = found(live)[STRANGE]
    assert (one.verdict, one.value, one.n) == ("broken", 0.2, 500)
    assert "2 of 2 callers" in one.note
    assert "mallory" not in one.note


def customers(n, seed):
    """Rows with long tails, as those of customers are and those of buyers.csv are not."""
    rng = np.random.default_rng(seed)
    spent, age, country = rng.lognormal(3, 1, n), rng.gamma(4, 10, n), rng.choice(["DE", "FR"], n)
    return [{"country": str(c), "spent": float(s), "age": int(a)} for c, s, a in zip(country, spent, age, strict=True)]


def made_up(n, seed):
    """Rows of one who copies a model of customers: every value as likely as any other."""
    rng = np.random.default_rng(seed)
    return [{"country": "DE", "spent": rng.uniform(0, 500), "age": int(rng.integers(0, 120))} for _ in range(n)]


def test_who_copies_the_model_is_counted_among_many_callers(live, monkeypatch):
    judged = reference(pa.Table.from_pylist(customers(3000, 0)))
    monkeypatch.setattr(window.packing, "load", lambda _: judged)
    asked(live, monkeypatch, **{f"c{n}": customers(220, n) for n in range(1, 13)})
    one = found(live)[COPIED]
    assert (one.verdict, one.value) == ("kept", 0)
    asked(live, monkeypatch, mallory=made_up(300, 20))
    one = found(live)[COPIED]
    assert (one.verdict, one.value) == ("broken", 1)
    assert one.note == "300 rows spread evenly over 100% of the columns; 13 of 13 callers with 200 rows or more"
    assert COPIED in {one.alarm.promise for one in alarms.stand(live.site, "buys")}


def test_nobody_asked(live):
    assert {one.verdict for one in found(live).values()} == {"unproven"}
