"""The forms of a model, each with its answers; features go inside where they can, and the note says why not."""

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from lightgbm import LGBMClassifier

from arkwright.core.errors import Unknown
from arkwright.core.nouns import Column
from arkwright.core.rows import from_columns
from arkwright.core.signature import Tensor
from arkwright.optimize.candidates import Held, variants
from arkwright.optimize.feeds import feeds
from arkwright.project.apply import apply
from arkwright.train.answers import answers

FIELDS = from_columns(
    (Column(name="size", type="float"), Column(name="color", type="str"), Column(name="n", type="int", nullable=True))
)
rng = np.random.default_rng(0)
RAW = pa.table(
    {
        "size": rng.integers(0, 100, 500) / 4,
        "color": rng.choice(["red", "blue"], 500),
        "n": pa.array([None if i % 9 == 0 else i % 7 for i in range(500)], pa.int64()),
    }
)


def inside(raw: pl.DataFrame) -> pl.DataFrame:
    return raw.select(
        (pl.col("size") * 4).cast(pl.Float32), (pl.col("color") == "red").cast(pl.Float32), pl.col("n").cast(pl.Float32)
    )


def outside(raw: pl.DataFrame) -> pl.DataFrame:
    return inside(raw).with_columns(pl.Series("size", raw["size"].to_list(), dtype=pl.Float32))


def made(features):
    inputs = apply(features, {"raw": RAW})
    y = (np.array(RAW.column("size")) > 12).astype(np.int64)
    estimator = LGBMClassifier(n_estimators=8, verbose=-1).fit(inputs.to_pandas(), y)
    said = answers(estimator, inputs, kind="pandas", task="classification", classes=(0, 1))
    held = Held(RAW, inputs, said, "classification", (0, 1), 0.999)
    return said, list(variants(estimator, held, features, FIELDS))


def test_features_inside_every_form():
    said, found = made(inside)
    assert [v.name for v in found] == ["onnx", "onnx, features inside", "half the trees", "a quarter of the trees"]
    assert [v.inside for v in found] == [False, True, True, True]
    whole = found[1]
    assert [(t.name, t.datatype) for t in whole.inputs] == [("size", "FP64"), ("color", "BYTES"), ("n", "FP64")]
    np.testing.assert_array_equal(whole.answers[0], said[0])
    np.testing.assert_allclose(whole.answers[1], said[1], atol=1e-6)
    assert whole.outputs == {"label": "INT64", "probabilities": "FP32"}


def test_features_that_stay_in_python_say_why():
    _, found = made(outside)
    assert [v.name for v in found] == ["onnx", "onnx, features inside", "half the trees", "a quarter of the trees"]
    refused = found[1]
    assert refused.model == b""
    assert refused.note
    assert [v.inside for v in found] == [False, True, False, False]
    assert found[0].inputs == (Tensor(name="features", datatype="FP32", columns=("size", "color", "n")),)


def test_without_features_nothing_is_said_of_them():
    inputs = RAW.select(["size"])
    y = (np.array(RAW.column("size")) > 12).astype(np.int64)
    estimator = LGBMClassifier(n_estimators=8, verbose=-1).fit(inputs.to_pandas(), y)
    said = answers(estimator, inputs, kind="pandas", task="classification", classes=(0, 1))
    held = Held(inputs, inputs, said, "classification", (0, 1), 0.999)
    names = [v.name for v in variants(estimator, held, None, FIELDS)]
    assert names == ["onnx", "half the trees", "a quarter of the trees"]


def test_feeds():
    table = pa.table(
        {
            "day": pa.array([0, 1, None], pa.date32()),
            "at": pa.array([0, 5, None], pa.timestamp("ms")),
            "yes": pa.array([True, False, True]),
            "word": ["a", "", "ü"],
            "n": pa.array([1, None, 3], pa.int64()),
        }
    )
    found = feeds(
        table,
        [
            Tensor(name="day", datatype="FP64"),
            Tensor(name="at", datatype="FP64", columns=("at",)),
            Tensor(name="word", datatype="BYTES"),
            Tensor(name="both", datatype="FP32", columns=("n", "yes")),
        ],
    )
    np.testing.assert_array_equal(found["day"], [0, 1, np.nan])
    np.testing.assert_array_equal(found["at"], [[0], [5000], [np.nan]])
    assert found["word"].tolist() == ["a", "", "ü"]
    np.testing.assert_array_equal(found["both"], np.array([[1, 1], [np.nan, 0], [3, 1]], np.float32))
    with pytest.raises(Unknown, match='did you mean "word"'):
        feeds(table, [Tensor(name="wrd", datatype="BYTES")])
