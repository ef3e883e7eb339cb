"""What errors to expect of rows that came: sums that add up, whatever the rows have become."""

import numpy as np
import pyarrow as pa
import pytest

from arkwright.core.errors import Corrupt
from arkwright.measures import regression, score
from arkwright.measures.estimated import estimated
from arkwright.measures.losses import ROWS
from arkwright.monitor import loss_model, packing
from arkwright.monitor.counting import Counts, reference

N = 600


def came(seed, n=N):
    """(rows, answer minus truth): off by more where x is large and the word is b."""
    rng = np.random.default_rng(seed)
    x, word = rng.uniform(0, 10, n), np.where(rng.random(n) < 0.5, "a", "b")
    table = pa.table({"x": x, "word": pa.array(word).dictionary_encode(), "late": x > 5, "prediction": 2 * x})
    return table, rng.normal(size=n) * (1 + x) * np.where(word == "b", 2, 1)


@pytest.fixture(scope="module")
def judged():
    table, errors = came(1)
    return reference(table, errors=errors, groups=["word", "x"])


def same(one, other):
    assert one.sums.keys() == other.sums.keys()
    for name, sums in one.sums.items():
        np.testing.assert_allclose(sums, other.sums[name], rtol=1e-9)
    return True


def test_parts_add_up_to_the_whole(judged):
    table, _ = came(2)
    whole = judged.count(table).losses
    parts = [judged.count(table.slice(start, 250)) for start in range(0, N, 250)]
    assert same(sum(parts, Counts()).losses, whole)
    assert sorted(whole.sums) == ["", "word=a", "word=b"]  # numbers make no groups
    assert whole.rows("word=a") + whole.rows("word=b") == whole.rows("") == N
    np.testing.assert_allclose(whole.sums["word=a"] + whole.sums["word=b"], whole.sums[""], rtol=1e-9)


def test_every_kth_of_many_rows_stands_for_k(judged, monkeypatch):
    table, _ = came(3, 5000)
    exact = judged.count(table)
    monkeypatch.setattr(loss_model, "MOST_ROWS", 100)
    some = judged.count(table)
    assert some.losses.rows("") == some.rows == 5000
    assert some.losses.sums[""][0, ROWS] == pytest.approx(5000)
    few, all_ = (estimated(judged.window(one), regression.mae) for one in (some, exact))
    assert few.low < all_.value < few.high
    assert few.high - few.low > all_.high - all_.low


def test_windows_without_rows_with_one_and_with_nothing_in_them(judged):
    table, _ = came(4)
    note = estimated(judged.window(judged.count(table.slice(0, 0))), regression.mae).note
    assert "no row came" in note
    one = estimated(judged.window(judged.count(table.slice(0, 1))), regression.mae)
    assert one.n == 1
    assert 0 < one.low < one.value < one.high
    empty = pa.table(
        {name: pa.nulls(5, column.type) for name, column in zip(table.column_names, table.columns, strict=True)}
    )
    nothing = estimated(judged.window(judged.count(empty)), regression.mae)
    assert nothing.value == pytest.approx(np.exp(judged.loss_model.base[0, 0]))  # what is known of no row


def test_columns_that_vanish_appear_or_change_their_type(judged):
    table, _ = came(5)
    gone = judged.count(table.select(["word", "late"])).losses
    changed = table.set_column(0, "x", [["far"] * N]).set_column(3, "prediction", [pa.nulls(N)])
    assert same(judged.count(changed.append_column("new", [[1] * N])).losses, gone)
    times = pa.array([0] * N, pa.timestamp("us"))
    assert np.isfinite(judged.count(table.set_column(0, "x", times)).losses.sums[""]).all()
    wild = np.resize([np.inf, -np.inf, np.nan, 1e300], N)
    found = estimated(judged.window(judged.count(table.set_column(0, "x", [wild]))), regression.rmse)
    assert np.isfinite([found.low, found.value, found.high]).all()


def test_words_and_times_and_whole_numbers_are_told_apart():
    n = 400
    where = np.arange(n) % 4
    day = pa.array(where * 100, pa.int32()).cast(pa.date32())
    loud = pa.table({"word": pa.array(where).cast(pa.string()), "day": day, "number": where, "yes": where == 3})
    errors = np.where(where == 3, 10.0, 1.0) * np.where(np.arange(n) // 4 % 2, 1, -1)
    for name in loud.column_names:
        made = reference(loud.select([name]), errors=errors)
        found = made.loss_model.rows(loud.select([name]))[:, 0, 0]
        assert found[3] == pytest.approx(10, rel=0.1)
        assert found[0] == pytest.approx(1, rel=0.2)


def test_groups_that_are_worst_are_found(judged):
    table, errors = came(6, 4000)
    window = judged.window(judged.count(table))
    found = estimated(window, regression.rmse, by="word")
    assert found.note == "word=b, of 2 groups"
    off = errors[np.asarray(table["word"].to_pylist()) == "b"]
    assert found.low < np.sqrt((off**2).mean()) < found.high
    assert "no group of word has 9000 rows" in estimated(window, regression.mae, by="word", at_least=9000).note
    assert "no probabilities" in estimated(window, score.recall).note


def test_a_model_comes_back_from_its_bytes(judged, tmp_path):
    packing.save(tmp_path / "a", judged)
    again = packing.load(tmp_path / "a")
    packing.save(tmp_path / "b", again)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    counts = judged.count(came(7)[0])
    kept = packing.unpack(packing.pack(counts), again)
    assert same(kept.losses, counts.losses)
    assert same((kept + Counts(5)).losses, counts.losses)
    with pytest.raises(ValueError, match="reshape"):
        packing.unpack(packing.pack(Counts(1, losses=type(kept.losses)({"": np.ones((2, 3))}))), again)


def test_what_was_altered_is_told(judged, tmp_path):
    packing.save(tmp_path / "a", judged)
    whole = (tmp_path / "a").read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(100):
        altered = bytearray(whole)
        altered[rng.integers(len(whole))] ^= int(rng.integers(1, 256))
        (tmp_path / "a").write_bytes(bytes(altered))
        try:
            packing.load(tmp_path / "a").count(came(8, 20)[0])
        except Corrupt as error:
            assert "is no reference of a release" in str(error)  # noqa: PT017


def test_a_release_made_before_is_read_and_says_that_nothing_is_kept(tmp_path, monkeypatch):
    table, _ = came(1)
    before = reference(table)
    told = {"columns": {}, "groups": (), "classes": 0, "edges": b"", "means": b"", "right": {}, "rows": {}}
    (tmp_path / "a").write_bytes(packing._packed(told))  # as it was written then
    assert packing.load(tmp_path / "a").loss_model is None
    note = estimated(before.window(before.count(table)), regression.mae).note
    assert "made before" in note
    slot = packing._packed({"rows": 3, "columns": {}, "scores": {}})
    assert packing.unpack(slot, before) == Counts(3)
