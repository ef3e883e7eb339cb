"""Rows become features: few of them, whatever they hold, and the same sums however they are cut."""

import dataclasses
import datetime as dt
from dataclasses import replace

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arkwright.measures import joint as measures
from arkwright.measures import sketch
from arkwright.measures.features import STEPS
from arkwright.monitor import joint_packing, packing
from arkwright.monitor.counting import Counts, reference
from arkwright.monitor.joint import MOST
from arkwright.monitor.joint_packing import PackedMoments


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    number = rng.normal(5, 2, n)
    return pa.table({
        "number": pa.array(number, mask=number > 9),
        "whole": rng.integers(0, 9, n),
        "word": pa.array(rng.choice(["a", "b", "c"], n)).dictionary_encode(),
        "yes": rng.random(n) < 0.3,
        "day": [dt.date(2013, 1, 1 + i % 28) for i in range(n)],
        "name": [str(value) for value in rng.random(n)],
    })  # fmt: skip


REFERENCE = reference(table(3000))


def counted(rows, seconds):
    return REFERENCE.count(rows, None, np.asarray(seconds, np.int64))


def sums(counts):
    one = counts.joint
    arrays = one.moments.sums, one.moments.products, one.trail.minutes, one.trail.rows, one.trail.sums
    return [one.moments.rows, one.moments.squares, *(part.tolist() for part in arrays)]


def test_times_are_left_out_and_words_that_hardly_occur_have_no_name():
    known = REFERENCE.joint.features
    assert known.columns == ("number", "whole", "word", "yes", "name")
    assert known.values[2] == ()
    assert REFERENCE.joint.moments.n == 2250  # the others said which words are frequent


def test_a_word_that_is_frequent_in_some_rows_and_not_counted_in_all(monkeypatch):
    monkeypatch.setattr(sketch, "VALUES", 5)
    rows = pa.table({"word": np.random.default_rng(0).choice([f"w{n}" for n in range(60)], 3000)})
    assert set(reference(rows).joint.features.values[0]) <= set(reference(rows).columns["word"].values)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 90), st.integers(0, 90), st.integers(0, 2**31))
def test_parts_are_the_whole_in_any_order(n, cut, seed):
    rows, seconds = table(n, seed), np.random.default_rng(seed).integers(0, 400, n)
    order = np.random.default_rng(seed).permutation(n)
    whole = counted(rows, seconds)
    parts = counted(rows.slice(0, cut), seconds[:cut]) + counted(rows.slice(cut), seconds[cut:])
    assert sums(whole) == sums(parts) == sums(counted(rows.take(order), seconds[order])) == sums(whole + Counts())


def test_of_many_rows_some_stand_for_all():
    rows = table(20_000, 1)
    many = counted(rows, np.repeat([30, 90], 10_000)).joint
    assert many.moments.n <= 2 * MOST
    assert many.moments.rows == pytest.approx(20_000, abs=20)
    every = sum((counted(rows.slice(i, 1000), [30] * 1000) for i in range(0, 20_000, 1000)), Counts()).joint
    assert every.moments.n == 20_000
    assert many.moments.mean == pytest.approx(every.moments.mean, abs=0.01)
    assert many.trail.minutes.tolist() == [0, 1]
    assert many.trail.level("whole")[1] == pytest.approx(every.trail.level("whole")[1][0], abs=0.1)


def test_two_halves_as_they_were_kept_before_are_read_as_one():
    one, other = (counted(table(50, seed), [0] * 50).joint for seed in (1, 2))
    halves = [joint_packing.pack_together(half).moments for half in (one, other)]
    both = PackedMoments(
        *(tuple(getattr(half, name)[0] for half in halves) for name in ("rows", "squares")),
        *(_bytes(*(getattr(half, name) for half in halves)) for name in ("sums", "products")),
    )
    told = joint_packing.pack_together(one)
    told.moments = both
    read = joint_packing.unpack_together(told, REFERENCE.joint).moments
    assert sums(Counts(joint=replace(one + other, moments=read))) == sums(Counts(joint=one + other))
    for name in ("rows", "squares", "sums", "products"):  # and not if one of them is torn
        told.moments = msgspec.structs.replace(both, **{name: getattr(halves[0], name)})
        with pytest.raises(ValueError, match=r"reshape|parts"):
            joint_packing.unpack_together(told, REFERENCE.joint)


def _bytes(*parts):
    """Put together by their first bytes of eight, their second ones …"""
    return np.hstack([np.frombuffer(part, np.uint8).reshape(8, -1) for part in parts]).tobytes()


def test_levels_are_standard_deviations_from_the_references_mean():
    came = pa.table({"number": [5.0, 9.0], "word": ["c", "c"], "whole": pa.array([None, None], pa.int64())})
    went = counted(came, [60, 60]).joint.trail
    assert went.level("number")[1] == pytest.approx([1], abs=0.15)
    assert len(went.level("whole")[0]) == len(went.level("yes")[0]) == 0
    assert went.rows[0].tolist() == [2, 0, 2, 0, 0]


@pytest.mark.parametrize("came", [
    pa.table({"number": ["a", "b"], "word": [1, 2], "whole": [2**62, -5]}),
    pa.table({"number": [np.inf, np.nan], "word": pa.array([None, None], pa.string())}),
    pa.table({"other": [1, 2]}),
    pa.table({"number": pa.nulls(2), "yes": pa.nulls(2)}),
])  # fmt: skip
def test_whatever_columns_have_become_they_are_counted(came):
    found = counted(came, [0, 0]).joint
    assert found.moments.n == 2
    assert np.abs(found.moments.sums).max() <= 2 * STEPS


def test_they_come_back_from_their_bytes(tmp_path):
    packing.save(tmp_path / "a", REFERENCE)
    again = packing.load(tmp_path / "a")
    assert again.joint.features.columns == REFERENCE.joint.features.columns
    found = counted(table(70, 2), np.arange(70))
    back = packing.unpack(packing.pack(found), again)
    assert sums(back) == sums(found)
    assert sums(again.count(table(70, 2), None, np.arange(70))) == sums(found)
    assert np.array_equal(back.joint.moments.products, found.joint.moments.products)
    assert len(packing.pack(found)) < 30_000


def test_a_reference_of_before_is_read_and_says_what_to_do(tmp_path):
    packing.save(tmp_path / "a", dataclasses.replace(REFERENCE, joint=None))
    old = packing.load(tmp_path / "a")
    found = old.count(table(50), None, np.arange(50))
    assert found.joint is None
    assert measures.mmd(old.window(found)).note.endswith("run the line again: arkwright run")
    kept = packing.pack(counted(table(50), np.arange(50)))
    assert packing.unpack(kept, old).joint is None
    assert packing.unpack(packing.pack(found), REFERENCE).joint is None
