"""What is compacted takes a bounded memory, however large a request was; and what is not asked for is not read."""

import json
import struct
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from arkwright.core.signature import Signature, Tensor
from arkwright.serve.tap.compact import write_parts
from arkwright.serve.tap.query import Wanted, find, unknown
from arkwright.serve.tap.segment import INFER, segments
from arkwright.serve.tap.tables import Builder
from arkwright.serve.tap.writer import Tap

from .conftest import COLUMNS, DIGEST, fill, row, said

MANY = 150_000
MEASURE = """
import resource, sys
from pathlib import Path
from arkwright.serve.tap.compact import write_parts
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
folder, few, many = map(Path, sys.argv[1:])
write_parts(sorted(few.glob("*.segment")), folder)
before = peak()
made, _ = write_parts(sorted(many.glob("*.segment")), folder)
print(sum(part.rows for part, _ in made), peak() - before)
"""
TENSORS = Signature(
    model="late",
    task="classification",
    target="late",
    columns=(),
    inputs=(Tensor(name="x", datatype="FP64"), Tensor(name="s", datatype="BYTES")),
    outputs=(Tensor(name="label", datatype="INT64"), Tensor(name="p", datatype="FP32", columns=("False", "True"))),
    classes=(False, True),
)


def binary(word, *tensors):
    """(body, size of its head) of tensors in the binary extension."""
    told = [
        {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(raw)}} for n, d, s, raw in tensors
    ]
    head = json.dumps({word: told}).encode()
    return head + b"".join(raw for *_, raw in tensors), len(head)


def tensors(tap, release, count):
    texts = b"".join(struct.pack("<I", 5) + b"basic" for _ in range(count))
    body, head = binary(
        "inputs", ("x", "FP64", [count], np.arange(count).astype("<f8").tobytes()), ("s", "BYTES", [count], texts)
    )
    each = np.linspace(0, 1, 2 * count, dtype="f4").reshape(count, 2)
    answer, answered = binary(
        "outputs",
        ("label", "INT64", [count], (np.arange(count) % 2).tobytes()),
        ("p", "FP32", [count, 2], each.tobytes()),
    )
    assert tap.add(release, b"tensors", b"", body, answer, 1, 200, INFER, head, answered)


def numbers(tap, release, count):
    """In JSON, nested, and the answer flat."""
    asked = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [count, 2], "data": [[0.5, 1.5]] * count}]}
    answer = {"outputs": [{"name": "label", "datatype": "INT64", "shape": [count], "data": [1] * count}]}
    assert tap.add(release, b"json", b"", json.dumps(asked).encode(), json.dumps(answer).encode(), 1, 200, INFER)


def rows(tap, release, count):
    body, answer = [row(1)] * count, {"predictions": [said()] * count, "rules": [None] * count}
    assert tap.add(release, b"rows", b"", json.dumps(body).encode(), json.dumps(answer).encode(), 1)


def logged(folder, log, count, signature):
    tap = Tap(folder, "late")
    log(tap, tap.release("release:late@3", DIGEST, signature), count)
    tap.close()
    return folder


ROWS = Signature(
    model="late", task="classification", target="late", columns=COLUMNS, inputs=(), outputs=(), classes=(False, True)
)


@pytest.mark.parametrize(("log", "signature"), [(tensors, TENSORS), (numbers, TENSORS), (rows, ROWS)])
def test_a_request_of_many_rows_takes_a_bounded_memory(tmp_path, log, signature):
    few, many = (logged(tmp_path / str(n), log, n, signature) for n in (10, MANY))
    measure = [sys.executable, "-c", MEASURE, str(tmp_path), str(few), str(many)]
    done = subprocess.run(measure, capture_output=True, text=True, timeout=300, check=True)
    found, more = map(int, done.stdout.split())
    assert found == MANY
    assert more < 140


def test_rows_of_a_large_request_are_what_they_were(tmp_path):
    found = {}
    for log, signature in ((tensors, TENSORS), (numbers, TENSORS), (rows, ROWS)):
        folder = logged(tmp_path / log.__name__, log, 20_001, signature)
        ((part, path),), _ = write_parts(segments(folder), tmp_path)
        assert part.rows == 20_001
        table = pq.read_table(path)
        assert table.column("row").to_pylist() == list(range(20_001))
        found[log] = table.slice(20_000).to_pylist()[0]
    one = found[tensors]
    assert json.loads(one["inputs"]) == [
        {"name": "x", "datatype": "FP64", "shape": [1], "data": [20_000.0]},
        {"name": "s", "datatype": "BYTES", "shape": [1], "data": ["basic"]},
    ]
    assert (one["label"], one["probability_true"]) == (False, 1.0)
    assert json.loads(one["outputs"])[1] == {"name": "p", "datatype": "FP32", "shape": [1, 2], "data": [0.999975, 1.0]}
    assert json.loads(found[numbers]["inputs"])[0]["data"] == [[0.5, 1.5]]
    assert (found[numbers]["label"], found[numbers]["probability_true"]) == (True, None)
    assert (found[rows]["distance"], found[rows]["label"], found[rows]["probability_true"]) == (1.0, True, 0.75)


def test_a_row_of_too_many_elements_is_kept_without_them(tmp_path, monkeypatch):
    monkeypatch.setattr("arkwright.serve.tap.infers.MOST_ELEMENTS", 3)
    folder = logged(tmp_path / "p", numbers, 1, TENSORS)
    wide = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 4], "data": [1, 2, 3, 4]}]}
    tap = Tap(folder, "late")
    release = tap.release("release:late@3", DIGEST, TENSORS)
    tap.add(release, b"wide", b"", json.dumps(wide).encode(), b"{}", 1, 200, INFER)
    tap.close()
    ((_, path),), _ = write_parts(segments(folder), tmp_path)
    first, second = map(json.loads, pq.read_table(path).column("inputs").to_pylist())
    assert first[0]["data"] == [[0.5, 1.5]]
    assert second == [{"name": "x", "datatype": "FP64", "shape": [1, 4]}]


def test_only_what_is_asked_for_is_read(place, monkeypatch):
    place.log(range(20))
    tap, release = place.tap()
    fill(tap, release, range(20, 40))
    tap.close()
    read, add = [], Builder.add

    def noting(self, records, *rest):
        read.extend(record.id for record in records)
        return add(self, records, *rest)

    monkeypatch.setattr(Builder, "add", noting)
    out = place.root / "found.parquet"
    assert find(place.folder, place.store, place.tables, place.scratch(), Wanted(id="r7"), out) == 1
    assert unknown(place.folder, place.store, place.tables, place.scratch(), [("r30", 0), ("r30", 1), ("r99", 0)]) == 2
    assert find(place.folder, place.store, place.tables, place.scratch(), Wanted(release="release:late@9"), out) == 0
    assert read == [b"r7", b"r30"]
