"""A tap with known releases, and what it wrote."""

import json

import pytest

from arkwright.core.nouns import Column
from arkwright.core.signature import Signature
from arkwright.infra.disk_store import DiskStore
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.serve.tap.segment import Segment, segments
from arkwright.serve.tap.writer import Tap

DIGEST = "ab" * 32
COLUMNS = (
    Column(name="distance", type="float"),
    Column(name="carrier", type="str", allowed=("AA", "UA")),
    Column(name="origin", type="str", nullable=True),
    Column(name="stops", type="int", nullable=True),
    Column(name="left", type="datetime", nullable=True),
)


def signature(columns=COLUMNS, classes=(False, True)):
    return Signature(
        model="late", task="classification", target="late", columns=columns, inputs=(), outputs=(), classes=classes
    )


def row(number, **more):
    return {"distance": float(number), "carrier": "AA", "origin": "EWR", "stops": number} | more


def said(*, label=True, probability=0.75):
    return {"label": label, "probabilities": {"false": 1 - probability, "true": probability}}


def one(number, **more):
    """(body, answer) of a request with one row."""
    answer = {"prediction": said(), "release": "release:late@3", "digest": DIGEST}
    return json.dumps(row(number, **more)).encode(), json.dumps(answer).encode()


def fill(tap, release, numbers, prefix="r"):
    for number in numbers:
        body, answer = one(number)
        tap.add(release, f"{prefix}{number}".encode(), b"127.0.0.1", body, answer, 1500)


def records(folder):
    found = []
    for path in segments(folder):
        with Segment(path) as segment:
            found += [record for block in segment for record in block]
    return found


class Place:
    """An endpoint's folder beside a store, and an engine for queries."""

    def __init__(self, root):
        self.root, self.folder = root, root / "predictions" / "late"
        self.store, self.tables = DiskStore(root / "store"), DuckTables(root / "tmp")
        self.scratches = 0

    def tap(self, **words):
        tap = Tap(self.folder, "late", **words)
        return tap, tap.release("release:late@3", DIGEST, signature())

    def log(self, numbers, **words):
        """Answered, written, and the segment closed."""
        tap, release = self.tap(**words)
        fill(tap, release, numbers)
        tap.close()
        assert tap.dropped == 0

    def scratch(self):
        self.scratches += 1
        folder = self.root / f"scratch{self.scratches}"
        folder.mkdir()
        return folder


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)
