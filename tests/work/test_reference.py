"""What a watch is given of a release: the rows held out, with the answers to them as columns beside their own."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from arkwright.measures.evaluation import Evaluation
from arkwright.monitor import packing
from arkwright.monitor.counting import Answered, reference
from arkwright.train.split import Split
from arkwright.work import reference as kept
from arkwright.work.reference import telling_apart
from arkwright.work.rows import Rows

N, TEST = 40, np.arange(40) % 4 == 3
RAW = pa.table({"x": np.arange(N) / 7, "score": ["a", "b"] * (N // 2), "carrier": ["UA", "UA", "UA", "DL"] * (N // 4)})


def rows(target, classes):
    split = Split(test=TEST, note="every fourth")
    return Rows(RAW, RAW, pa.chunked_array([pa.array(target)]), RAW.select(["carrier"]), split, classes)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_rows_held_out_are_counted_with_their_answers(tmp_path, task):
    truth, n = np.arange(N)[TEST] % 2, int(TEST.sum())
    score, classes = (np.linspace(0.1, 0.9, n), (False, True)) if task == "classification" else (None, ())
    label = (score > 0.5).astype(int) if classes else np.linspace(0, 2, n)
    held = RAW.filter(pa.array(TEST))
    if classes:
        held = held.append_column("prediction", pa.array(np.array(["false", "true"])[label].tolist()))
        held = held.append_column("answer_score", pa.array(score))
        expected = reference(held, Answered(score[:, None], label), truth, ["carrier"])
    else:
        held = held.append_column("prediction", pa.array(label))
        expected = reference(held, groups=["carrier"], errors=label - truth)
    evaluated = Evaluation(task=task, truth=truth.astype(label.dtype), label=label, score=score)
    assert kept.save(tmp_path, rows(np.arange(N) % 2, classes), evaluated) == packing.FILE
    found = packing.load(tmp_path / packing.FILE)
    packing.save(tmp_path / "found", replace(found, by_cell=None))  # which is of each column, and has its own tests
    packing.save(tmp_path / "expected", expected)
    assert (tmp_path / "found").read_bytes() == (tmp_path / "expected").read_bytes()
    assert found.columns["carrier"].values == ("DL",)


@pytest.mark.parametrize(("key", "alone", "n"), [
    ((), (), 200), (("flight",), ("flight",), 200), (("month", "flight"), (), 200),
    (("id", "month"), ("id",), 200), (("month", "code"), ("code",), 200),
    (("id", "month"), (), 99), (("nearly", "month"), ("nearly",), 200),
    (("width", "depth"), (), 200), (("again", "month"), (), 200),
])  # fmt: skip
def test_of_a_key_of_several_columns_those_that_tell_rows_apart_alone_say_nothing(key, alone, n):
    """A number that is measured may be another in each row, and say something all the same."""
    number = np.arange(n)
    raw = pa.table({
        "month": number % 12, "flight": number % 40, "id": number, "code": [f"c{one}" for one in number],
        "nearly": np.where(number < 190, number, 0), "again": number // 2, "width": number / 7, "depth": number / 3,
    })  # fmt: skip
    project = SimpleNamespace(spec=SimpleNamespace(data={"flights": SimpleNamespace(key=key)}))
    assert telling_apart(project, SimpleNamespace(source="flights"), SimpleNamespace(raw=raw)) == alone
