"""An endpoint that was watched for three days: its canary drifted, was raised an alarm about, and was halted."""

from datetime import UTC, datetime

import numpy as np
from tests.api.answering import answered
from tests.api.watch.test_reacting import up

from arkwright.api.endpoints.logged import label
from arkwright.api.watch import damaged, rounds
from arkwright.api.watch.window import Answers
from arkwright.core import versions
from arkwright.core.nouns import Endpoint, Release
from arkwright.infra import sqlite_ledger
from arkwright.work import compact

HOUR = 3600
PROMISES = (
    "psi(spent) < 0.2", "estimated(recall) >= 0.3", "recall >= 0.3", "drifted_columns(effect=0.2) == 0",
    "estimated(recall, by=country) >= 0.05", "rows > 100",
)  # fmt: skip
TELL = 'of = "canary"\nto = "psi(spent) < 0.2"\ndo = ["halt", "discuss"]'


def lived(at, monkeypatch, hours=72, step=6):
    """`buys@1` answers and `buys@2` is a canary, at a site where both are signed."""

    def ago(span):
        then = datetime.fromtimestamp(datetime.now(UTC).timestamp() - span * HOUR, UTC)
        return lambda: then.isoformat(timespec="milliseconds")

    with monkeypatch.context() as patched:
        patched.setattr(sqlite_ledger, "now", ago(hours + 1))
        up(at, [TELL], watch='window = "12h"', promises=PROMISES, share=0.2)
    for number, back in enumerate(range(hours, 0, -step)):
        share = number * step / hours  # of the way that the rows move
        came = aged(number, share * 18)
        answered(at, came, monkeypatch, ago=back * HOUR, release="buys@1")
        answered(at, aged(number, share * 48), monkeypatch, ago=back * HOUR - 60, release="buys@2")
        at.do(label, endpoint="buys", labels=[
            {"id": f"r{back * HOUR}-{n // 100 * 100}", "row": n % 100, "label": int(row["spent"] + n * 53 % 60 > 75)}
            for n, row in enumerate(came)
        ])  # fmt: skip
        with monkeypatch.context() as patched:
            patched.setattr(sqlite_ledger, "now", ago(back - 1))
            looked(at, datetime.now(UTC).timestamp() - (back - 1) * HOUR, patched)


def aged(seed, shift):
    """As those that the model was judged on, but for what they spent."""
    rng = np.random.default_rng(seed)
    return [
        {
            "country": str(rng.choice(["DE", "DE", "FR"])),
            "spent": float(rng.integers(0, 100)) + 0.5 + shift,
            "age": None if rng.random() < 0.1 else int(rng.integers(20, 70)),
        }
        for _ in range(200)
    ]


def looked(at, now, patched):
    """As the watch looks, at another time."""

    class Then(Answers):
        def __init__(self, *given):
            super().__init__(*given)
            self.settled = int(now)

    patched.setattr(damaged, "Answers", Then)
    compact.once(at.site)
    endpoint = versions.resolve(at.site.ledger, Endpoint, "buys")
    releases = [versions.resolve(at.site.ledger, Release, ref) for ref in (*endpoint.shares, *endpoint.shadows)]
    both = [rounds._last_window(at.site, endpoint, release) for release in releases]
    found, more = ([one for part in side for one in part] for side in zip(*both, strict=True))
    rounds._noticed(at.site, endpoint, found, more)
