"""What an endpoint answered, written as its log: so that tests of the watch need no server."""

import json

import msgspec
import numpy as np

from arkwright.core import versions
from arkwright.core.nouns import Release
from arkwright.core.signature import Signature
from arkwright.serve.tap import writer
from arkwright.serve.tap.writer import Tap


def sure(row):
    """The more was spent, the surer."""
    p = min(0.99, max(0.01, row["spent"] / 120))
    return {"label": int(p > 0.5), "probabilities": {"0": 1 - p, "1": p}}


def answered(at, rows, monkeypatch, ago=600, release="buys@1", say=sure):
    """These rows were answered so many seconds ago, as `say` says of each, and are in a closed segment."""
    found = versions.resolve(at.site.ledger, Release, release)
    shape = msgspec.json.decode(at.site.store.path(found.files["signature.json"]).read_bytes(), type=Signature)
    clock = writer.time.time_ns
    with monkeypatch.context() as patched:
        patched.setattr(writer.time, "time_ns", lambda: clock() - ago * 10**9)
        tap = Tap(at.site.predictions / "buys", "buys")
        number = tap.release(found.ref, found.digest, shape)
        for start in range(0, len(rows), 100):
            some = rows[start : start + 100]
            said = [say(row) for row in some]
            tap.add(number, f"r{ago}-{start}".encode(), b"test", json.dumps(some).encode(),
                    json.dumps({"predictions": said}).encode(), 400)  # fmt: skip
        tap.close()


def rows(n, shift=0.0):
    rng = np.random.default_rng(1)
    return [
        {"country": str(rng.choice(["DE", "FR"])), "spent": float(rng.uniform(0, 120)) + shift, "age": None}
        for _ in range(n)
    ]
