"""Records read a column at a time are the rows that they are one by one."""

import json
import random

import pyarrow as pa
import pytest

from arkwright.core.nouns import Column
from arkwright.serve.tap import tables
from arkwright.serve.tap.segment import SHADOW, Record, Release
from arkwright.serve.tap.tables import Builder
from arkwright.serve.tap.together import Together

KINDS = ("float", "str", "int", "bool", "date", "datetime", "bytes")
COLUMNS = tuple(Column(name=kind, type=kind, nullable=True) for kind in KINDS)
VALUES = {
    "float": [1, -0.0, 2.5, None, "x", True], "int": [1, 1.0, None, 1.5],
    "str": ["", "\u00e9\u2028", None, 1, "\ud800"],
    "bool": [True, False, None, 0], "date": ["2024-02-29", None, "2023-02-29"], "bytes": ["aGk=", None, "###"],
    "datetime": ["2026-01-31T14:00:00+02:00", "2026-01-31T12:00:00", None, 5], "unknown": [1, {"a": [1]}],
}  # fmt: skip
BODIES = (b"", b"{", b"{}{}", b"{},{}", b" {}", b'{"str": "\xff"}', b'[{"int": 1}, {"int": 2}]')
ANSWERS = (  # and bodies, of which nothing can be read
    b"[]", b'{"predictions": [{"label": 1}, null]}',
    b'{"prediction": {"label": 1}, "rules": [{"rule": "a"}]}',
    b'{"rule": 5}', b'{"prediction": null, "rule": "a", "because": "b", "review": true}',
)  # fmt: skip


def answer(chance, classes, *, odd):
    said = {"value": chance.choice([1, 2.5] + [None, [1], "x"] * odd)}
    if classes:
        said = {"label": chance.choice([*classes] + [None, "?", 1.0] * odd)}
        said["probabilities"] = {tables.class_name(one): chance.random() for one in classes}
        if odd:
            said["probabilities"] = chance.choice([said["probabilities"], None, {}, {"x": 1}, {"0": None}])
    fired = chance.choice([{}, {"rule": "a", "because": "b"}, {"rule": "a", "review": True}, {"error": "no"}])
    return json.dumps({"prediction": said, **fired}).encode()


def record(chance, number, classes, odd):
    row = {name: chance.choice(some) if chance.random() < odd else some[0] for name, some in VALUES.items()}
    body = chance.choice(BODIES) if chance.random() < odd else json.dumps(row).encode()
    told = chance.choice(ANSWERS) if chance.random() < odd else answer(chance, classes, odd=chance.random() < odd)
    status, flags, release = chance.choice([200, 200, 200, 422]), chance.choice([0, SHADOW]), chance.randrange(2)
    ids = chance.choice([b"r%d" % number, b"\xff"])
    return Record(number * 10**6, number, status, flags, release, 0, 0, ids, b"me", body, told)


@pytest.mark.parametrize("classes", [(0, 1), (False, True), ("a", "b", "c"), (1, "x"), ("1", 1), ()])
def test_many_together_are_what_each_is_alone(classes, monkeypatch):
    chance = random.Random(3)
    releases = {n: Release(n, f"release:late@{n}", f"{n}" * 64, COLUMNS, classes) for n in range(2)}
    together, read = 0, Together.table

    def counting(*words):
        nonlocal together
        found = read(*words)
        together += found is not None
        return found

    monkeypatch.setattr(Together, "table", counting)
    for other in (None, *BODIES, *ANSWERS):
        some = [record(chance, number, classes, 0.3 if other is None else 0.001) for number in range(40)]
        if other is not None:
            some[20] = Record(1, 1, 200, 0, 0, 0, 0, b"r", b"me", other, other)
        found = []
        for few in (2, 1000):
            monkeypatch.setattr(tables, "FEW", few)
            builder = Builder(releases[0])
            found.append(pa.concat_tables([*builder.add(some, "late", releases), builder.table()]))
        assert repr(found[0].to_pylist()) == repr(found[1].to_pylist())
        assert len(found[0]) >= len(some)
    assert together > 3


def test_a_class_whose_name_no_field_can_have():
    classes = ('say "so"', "a\\b\n")
    release = Release(0, "release:late@1", "1" * 64, COLUMNS, classes)
    told = json.dumps({"prediction": {"label": classes[0], "probabilities": dict.fromkeys(classes, 0.5)}}).encode()
    builder = Builder(release)
    some = [Record(n, 1, 200, 0, 0, 0, 0, b"r", b"me", b"{}", told) for n in range(20)]
    found = pa.concat_tables([*builder.add(some, "late", {0: release}), builder.table()]).to_pylist()
    assert [(row["label"], row["probability_a\\b\n"]) for row in found] == [(classes[0], 0.5)] * 20
