"""What was measured comes back from disk as it went in, and tells what the machine decides from what it does not."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from arkwright.optimize.table import Candidate, Measured
from arkwright.train.split import Split
from arkwright.work import evidence
from arkwright.work.rows import Rows

N = 12
CHOSEN = Candidate(
    name="onnx",
    score=0.5,
    low=0.4,
    high=0.6,
    agreement=1.0,
    p50_ms=0.1,
    p99_ms=0.2,
    size_bytes=9,
    servable=True,
    chosen=True,
)
MEASURED = Measured(
    score="roc_auc", limit=0.9, candidates=(CHOSEN,), size_bytes=9, latencies_ms=((0.1, 0.2), (0.1, 0.3))
)


def rows(classes):
    """Twelve rows of which the last six are held out; row 6 is a twin of row 0."""
    test = np.arange(N) >= N // 2
    table = pa.table(
        {
            "x": pa.array([0.0, 1, 2, 3, 4, 5, 0, 7, 8, 9, None, 11]),
            "yes": pa.array([i % 2 == 0 for i in range(N)]),
            "name": [f"n{i % 6}" for i in range(N)],
        }
    )
    target = [classes[i % len(classes)] for i in range(N)] if classes else [i / 2 for i in range(N)]
    groups = pa.table({"plan": ["a", None] * (N // 2), "old": pa.array([True, False] * (N // 2))})
    split = Split(test=test, note="the last half")
    return Rows(table, table, pa.chunked_array([pa.array(target)]), groups, split, tuple(classes))


@pytest.mark.parametrize("classes", [(0, 1), ("a", "b", "c"), ()], ids=["two", "three", "values"])
def test_there_and_back(tmp_path, classes):
    given, task = rows(classes), "classification" if classes else "regression"
    n, k = N // 2, len(classes)
    score = {0: None, 2: np.linspace(0, 1, n), 3: np.full((n, 3), 1 / 3)}[k]
    label = np.zeros(n, np.int64) if k else np.linspace(0, 1, n)
    base = evidence.evaluation(given, task, 7, (label, score))
    served = replace(base, label=label + (0 if k else 0.5))
    files, own = evidence.save(tmp_path, MEASURED, served, given)
    assert set(own) < set(files)
    measured, found = evidence.load(tmp_path)
    assert measured == MEASURED
    for name in ("truth", "label", "score", "test_rows", "train_rows"):
        np.testing.assert_array_equal(getattr(found, name), getattr(served, name), err_msg=name)
    np.testing.assert_array_equal(found.original.label, base.label)
    np.testing.assert_array_equal(found.latencies_ms, [[0.1, 0.2], [0.1, 0.3]])
    assert (found.task, found.seed, found.size_bytes) == (task, 7, 9)
    assert sorted(found.inputs) == ["x", "yes"]
    assert {name: values.tolist() for name, values in found.groups.items()} == {
        "plan": ["a", "(missing)"] * 3,
        "old": ["true", "false"] * 3,
    }


def test_a_row_that_was_trained_on_is_known_again():
    found = evidence.evaluation(rows((0, 1)), "classification", 0, (np.zeros(6, np.int64), np.zeros(6)))
    seen = np.isin(found.test_rows, found.train_rows)
    assert seen.tolist() == [True, False, False, False, False, False]


def test_other_held_out_rows_make_another_model(tmp_path):
    digests = []
    for name, classes in (("a", (0, 1)), ("b", (1, 0)), ("c", (0, 1))):
        base = evidence.evaluation(rows(classes), "classification", 0, (np.zeros(6, np.int64), np.zeros(6)))
        if name == "b":
            base = replace(base, truth=1 - base.truth)
        (tmp_path / name).mkdir()
        evidence.save(tmp_path / name, MEASURED, base, rows(classes))
        digests.append((tmp_path / name / evidence.HELD).read_bytes())
    assert digests[0] == digests[2] != digests[1]
