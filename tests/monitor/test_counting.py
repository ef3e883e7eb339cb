"""Rows become counts; what a column has become by now never stops it."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from arkwright.core.errors import Corrupt
from arkwright.measures import drift
from arkwright.monitor import packing
from arkwright.monitor.counting import Answered, Counts, reference

DAY = dt.date(2013, 1, 1)


def table(n=60):
    return pa.table({
        "distance": [None if i % 10 == 0 else float(i) for i in range(n)],
        "hour": pa.array([i % 24 for i in range(n)], pa.int64()),
        "carrier": pa.array(["UA" if i % 2 else "DL" for i in range(n)]).dictionary_encode(),
        "late": [i % 3 == 0 for i in range(n)],
        "day": [DAY + dt.timedelta(days=i) for i in range(n)],
        "at_gate": [dt.datetime(2013, 1, 1) + dt.timedelta(hours=i) for i in range(n)],  # noqa: DTZ001
        "photo": [b"x"] * n,
    })  # fmt: skip


def test_every_kind_of_column_is_counted():
    made = reference(table())
    assert sorted(made.columns) == ["at_gate", "carrier", "day", "distance", "hour", "late"]
    assert made.columns["distance"].missing == 6
    assert made.columns["carrier"].values == ("DL", "UA")
    assert made.columns["late"].values == ("false", "true")
    found = made.count(table(30))
    assert {name: one.rows for name, one in found.columns.items()} == dict.fromkeys(made.columns, 30)
    assert found.rows == 30


def test_what_tells_rows_apart_says_nothing_of_them_together():
    rows = table().append_column("number", pa.array(range(60)))
    errors = np.linspace(-1, 1, 60)
    for made in (reference(rows, key=("number",)), reference(rows, errors=errors, key=("number",))):
        assert "number" in made.columns  # a promise may name it
        assert made.joint.features.columns == reference(table()).joint.features.columns
    assert made.loss_model is None or "number" not in made.loss_model.columns


def test_a_reference_asks_for_a_column_at_a_time(tmp_path):
    asked = []

    class Columns:
        column_names, num_rows = table().column_names, 60

        def column(self, name):
            asked.append(name)
            return table().column(name)

    packing.save(tmp_path / "columns", reference(Columns(), errors=np.linspace(-1, 1, 60)))
    packing.save(tmp_path / "table", reference(table(), errors=np.linspace(-1, 1, 60)))
    assert asked == table().column_names
    assert (tmp_path / "columns").read_bytes() == (tmp_path / "table").read_bytes()


def test_columns_that_vanish_appear_or_change_their_type():
    made = reference(table())
    came = pa.table({"hour": ["a", "b"], "carrier": [1, 2], "new": [1, 2], "day": pa.array([None, None], pa.date32())})
    found = made.count(came)
    assert sorted(found.columns) == ["carrier", "day", "hour"]
    assert {name: (one.n, one.missing) for name, one in found.columns.items()} == dict.fromkeys(found.columns, (0, 2))
    window = made.window(found)
    assert drift.ks(window, "distance").note == "there are no rows of distance"
    assert drift.ks(window, "hour").note == "there are no numbers in hour"
    assert drift.psi(window, "hour").value > 1  # all of it is missing now: as far as can be
    assert made.count(came.slice(0, 0)).rows == 0


def test_parts_add_up():
    made = reference(table())
    first, second = made.count(table(20)), made.count(table(40).select(["hour"]))
    both = first + second + Counts()
    assert both.rows == 60
    assert both.columns["hour"].rows == 60
    assert both.columns["carrier"].rows == 20


@pytest.fixture
def answered():
    rng = np.random.default_rng(1)
    chances = rng.random((60, 1))
    return Answered(chances, (chances[:, 0] > 0.5).astype(int))


def test_answers_are_counted_by_group(answered):
    truth = np.arange(60) % 2
    made = reference(table(), answered, truth, ["carrier", "hour"])
    assert made.groups == ("carrier",)  # numbers make no groups
    right, rows = made.judged
    assert rows.n == 60
    assert right.counts[""][0].sum() == 30
    assert rows.counts["carrier=UA"][0].sum() == 30
    assert right.counts["carrier=UA"][0].sum() == 30  # every second row is UA's, and those came true
    assert right.counts["carrier=DL"][0].sum() == 0
    found = made.count(table(), answered)
    assert np.array_equal(found.scores.counts["carrier=UA"], rows.counts["carrier=UA"])
    assert (found + found).scores.n == 120
    assert (found + made.count(table())).scores.n == 60


def test_counts_and_references_come_back_from_their_bytes(tmp_path, answered):
    for made in (reference(table()), reference(table(), answered, np.arange(60) % 2, ["carrier"])):
        packing.save(tmp_path / "a", made)
        packing.save(tmp_path / "b", packing.load(tmp_path / "a"))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
        found = made.count(table(40), answered.take(np.arange(40)) if made.judged else None)
        again = packing.unpack(packing.pack(found), packing.load(tmp_path / "a"))
        assert packing.pack(again) == packing.pack(found)
        assert again.rows == 40


def test_a_reference_that_is_none_is_told(tmp_path, answered):
    path = tmp_path / "reference.msgpack"
    packing.save(path, reference(table(), answered, np.arange(60) % 2, ["carrier"]))
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    changed = [whole[:-5], b"", b"\x00" * 8, (2**62).to_bytes(8, "little") + whole[8:]]
    for _ in range(200):
        altered = bytearray(whole)
        altered[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        changed.append(bytes(altered))
    for data in changed:
        path.write_bytes(data)
        try:
            packing.load(path).count(table(), answered)
        except Corrupt as error:
            assert "is no reference of a release" in str(error)  # noqa: PT017


def test_words_as_codes_count_as_words_do():
    words = ["UA", None, "DL", "UA", "AA"] * 20
    plain = reference(pa.table({"carrier": words}))
    chunks = [pa.array(words[:30]).dictionary_encode(), pa.array(words[30:]).dictionary_encode()]
    strange = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, None, 1], pa.int8()), ["UA", "UA", None])
    coded = pa.chunked_array(chunks)
    assert reference(pa.table({"carrier": coded})).columns["carrier"].values == plain.columns["carrier"].values
    for column in (pa.chunked_array([words]), coded):
        found = plain.count(pa.table({"carrier": column})).columns["carrier"]
        assert (found.counts.tolist(), found.missing) == ([40, 20, 20, 0], 20)
    twice = plain.count(pa.table({"carrier": strange})).columns["carrier"]
    assert (twice.counts.tolist(), twice.missing) == ([3, 0, 0, 0], 2)


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64(), pa.int8(), pa.uint64(), pa.bool_()])
def test_empty_cells_of_any_kind_are_missing(kind):
    column = pa.array([0, 1, None, 1, 0, 1, None] * 10).cast(kind)
    found = reference(pa.table({"x": column})).columns["x"]
    assert (found.n, found.missing) == (50, 20)
    assert sorted(count for count in found.counts.tolist() if count) == [20, 30]


def test_answers_are_told_apart_by_group():
    rows = pa.table({"carrier": pa.array(["UA", "DL", None, "UA", "AA"] * 10).dictionary_encode()})
    answered = Answered(np.linspace(0, 1, 50)[:, None], np.arange(50) % 2)
    made = reference(rows, answered, np.arange(50) % 2, ["carrier"])
    scores = made.count(rows, answered).scores
    assert {name: int(counts.sum()) for name, counts in scores.counts.items()} == {
        "": 50, "carrier=UA": 20, "carrier=DL": 10, "carrier=AA": 10
    }  # fmt: skip
