"""How a model answers in each cell of each column: counted as a plain count has it, kept with a release as bytes."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from arkwright.core.errors import Corrupt
from arkwright.core.where import spelt
from arkwright.measures.losses import LOSS, ROWS
from arkwright.monitor import by_cell, packing
from arkwright.monitor.counting import Answered, reference

RNG = np.random.default_rng(1)
N = 400
TABLE = pa.table({
    "distance": RNG.integers(100, 2400, N),
    "seats": pa.array([None if n % 4 == 0 else 150.0 for n in range(N)]),
    "carrier": RNG.choice(["UA", "DL", "AA"], N),
    "id": [f"r{n}" for n in range(N)],
    "at": pa.array(np.arange(N), pa.timestamp("us")),
})  # fmt: skip


def classifier(classes=1):
    """(reference, probabilities, answers, truth)"""
    chances = RNG.random((N, classes))
    said = chances.argmax(axis=1) if classes > 1 else (chances[:, 0] > 0.5).astype(int)
    truth = RNG.integers(0, max(2, classes), N)
    made = reference(TABLE, Answered(chances, said), truth, ["carrier"])
    empty = made.judged[1].empty()
    kept = by_cell.of_classifier(TABLE, made.columns, made.groups, empty, (chances, said), truth)
    return replace(made, by_cell=kept), chances, said, truth


def test_numbers_have_ranges_of_as_many_rows_and_no_time_is_among_them():
    kept = classifier()[0].by_cell
    assert set(kept.cells) == {"distance", "seats", "carrier"}
    rows = kept.judged["distance"][1][:, 0].sum(axis=(1, 2))
    assert rows.tolist()[:5] == pytest.approx([80] * 5, abs=4)
    assert kept.cells["distance"].labels[1].count(" to below ") == 1
    assert kept.judged["seats"][1][-1, 0].sum() == 100  # without a value
    assert [spelt(one) for one in kept.cells["seats"].where[-1]] == ["seats="]


@pytest.mark.parametrize("classes", [1, 3])
def test_cells_hold_what_a_plain_count_holds(classes):
    made, _, said, truth = classifier(classes)
    united = np.array(TABLE.column("carrier").to_pylist()) == "UA"
    place = made.by_cell.cells["carrier"].labels.index("UA")
    right, rows = made.by_cell.judged["carrier"][:, place]
    for number in range(classes):
        positive = number if classes > 1 else 1
        assert rows[number, 1].sum() == (united & (said == positive)).sum()
        assert right[number].sum() == (united & (truth == positive)).sum()
    everything = made.by_cell.judged["distance"].sum(axis=1)
    assert (everything[0] == made.judged[0].counts[""]).all()
    assert (everything[1] == made.judged[1].counts[""]).all()


def test_a_column_of_another_kind_counts_as_missing():
    made, chances, said, _ = classifier()
    odd = TABLE.set_column(0, "distance", pa.array(["far"] * N))
    found = by_cell.scored(made.by_cell.cells, odd, made.judged[1].empty(), (chances, said))
    assert found["distance"][1][-1, 0].sum() == N
    assert "carrier" not in by_cell.scored(
        made.by_cell.cells, odd.drop_columns(["carrier"]), made.judged[1].empty(), (chances, said)
    )


def test_errors_as_they_were_and_as_they_are_expected():
    far = np.asarray(TABLE.column("distance"), float)
    truth, answer = far, far + RNG.normal(size=N) * far / 1000
    made = reference(TABLE, errors=answer - truth)
    kept = by_cell.of_regression(TABLE, made.columns, (), made.loss_model, answer, truth)
    erred, expected = kept.erred["distance"], kept.expected["distance"]
    assert erred[:, 0, 1].sum() == pytest.approx(np.abs(answer - truth).sum())
    assert erred[:, 1, 1].sum() == pytest.approx(((answer - truth) ** 2).sum())
    assert expected[:, 0, ROWS].sum() == pytest.approx(N)
    means = expected[:5, 0, LOSS] / expected[:5, 0, ROWS]
    assert means[4] > 2 * means[0]  # the farther, the farther off
    assert means == pytest.approx(erred[:5, 0, 1] / erred[:5, 0, 0], rel=0.4)


def test_they_come_back_from_their_bytes(tmp_path):
    made, path = classifier()[0], tmp_path / packing.FILE
    packing.save(path, made)
    kept = packing.load(path).by_cell
    assert {name: one.labels for name, one in kept.cells.items()} == {
        name: one.labels for name, one in made.by_cell.cells.items()
    }
    for name, counts in made.by_cell.judged.items():
        assert (kept.judged[name] == counts).all()
    wrong = {**made.by_cell.judged, "distance": made.by_cell.judged["seats"]}
    packing.save(path, replace(made, by_cell=replace(made.by_cell, judged=wrong)))
    with pytest.raises(Corrupt, match="is no reference of a release"):
        packing.load(path)


def test_an_answer_that_is_exactly_the_truth_of_nothing_is_kept_too(tmp_path):
    """How far off it is as a share of 0 is not known, and yet the release is watched."""
    truth = np.asarray(TABLE.column("distance"), float)
    answer = truth + 1
    truth[:2] = answer[:2] = 0
    made, path = reference(TABLE, errors=answer - truth), tmp_path / packing.FILE
    kept = by_cell.of_regression(TABLE, made.columns, (), made.loss_model, answer, truth)
    packing.save(path, replace(made, by_cell=kept))
    found = packing.load(path).by_cell.erred["distance"]
    assert np.isinf(found[:, 3, 1]).any()
    assert found[:, 0, 1].sum() == N - 2
