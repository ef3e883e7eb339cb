"""The fused graph against polars itself: the same bits, or a refusal that names what stands in the way."""

import datetime as dt
import functools
import importlib.util
import math
import random
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from arkwright.core.rows import Field, fields
from arkwright.optimize.fusion import proof
from arkwright.optimize.fusion.fuse import NotFusable, fuse
from arkwright.project import madeup

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SCHEMA = {
    "i": pl.Int64, "j": pl.Int64, "ni": pl.Int64, "nj": pl.Int64,
    "f": pl.Float64, "g": pl.Float64, "nf": pl.Float64, "ng": pl.Float64,
    "s": pl.String, "b": pl.Boolean, "nb": pl.Boolean, "nc": pl.Boolean,
    "d": pl.Date, "nd": pl.Date, "t": pl.Datetime("us"), "nt": pl.Datetime("us"),
}  # fmt: skip
NAMES = {"Int64": "int", "Float64": "float", "String": "str", "Boolean": "bool", "Date": "date"}
FIELDS = tuple(Field(n, NAMES.get(str(k), "datetime"), n.startswith("n"), annotation=None) for n, k in SCHEMA.items())
D, DT, TD, c = dt.date, functools.partial(dt.datetime), dt.timedelta, pl.col


def graph(width, element=TensorProto.DOUBLE, *, opsets=(("", 18),), name="X"):
    """A model that gives back the features that it takes."""
    made = helper.make_graph(
        [helper.make_node("Identity", [name], ["Y"])],
        "model",
        [helper.make_tensor_value_info(name, element, [None, width])],
        [helper.make_tensor_value_info("Y", element, [None, width])],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid(*o) for o in opsets], ir_version=9)


def session(model):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def tensors(fused, frame):
    """The raw columns as a server makes them, written without the code under test."""
    made = {}
    for tensor in fused.inputs:
        values = frame[tensor.name].to_list()
        if isinstance(next((v for v in values if v is not None), None), dt.date):
            start = dt.datetime.fromordinal(719_163)
            unit = TD(microseconds=1) if frame[tensor.name].dtype == pl.Datetime else TD(days=1)
            first = start if unit == TD(microseconds=1) else start.date()
            values = [None if v is None else (v - first) // unit for v in values]
        kind = {"INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_, "BYTES": object}[tensor.datatype]
        made[tensor.name] = np.array(values, dtype=kind)
    return made


def agree(model, function, frame, of=FIELDS, element=TensorProto.DOUBLE, name="X"):
    """Fuse, run over the frame, compare every bit with polars."""
    wanted = function(frame)
    fused = fuse(model or graph(wanted.width, element), function, of, name, wanted.columns)
    (found,) = session(fused.model).run(None, tensors(fused, frame))
    dtype = np.float64 if element == TensorProto.DOUBLE else np.float32
    with np.errstate(over="ignore"):
        columns = [
            np.array([math.nan if v is None else v for v in column.to_list()], np.float64).astype(dtype)
            for column in wanted
        ]
    np.testing.assert_array_equal(found, np.stack(columns, axis=1))
    return fused


def project(path):
    spec = importlib.util.spec_from_file_location(f"fused_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PROJECTS = [("flights/flights.py", "Departure", "late"), ("starter/churn.py", "Customer", "left")]


@pytest.mark.parametrize(("path", "row", "target"), PROJECTS)
def test_the_examples_fuse_bit_for_bit(path, row, target):
    module = project(EXAMPLES / path)
    of = tuple(f for f in fields(getattr(module, row)) if f.name != target)
    for seed in range(3):
        frame = pl.from_arrow(madeup.rows(of, 400, seed=seed))
        agree(None, module.features, frame, of, TensorProto.FLOAT)
    agree(None, module.features, proof.frame_of(of, rows=2000, seed=7), of, TensorProto.FLOAT)


def test_names_never_seen_before_are_missing_and_known_ones_are_not():
    module = project(EXAMPLES / "flights/flights.py")
    of = tuple(f for f in fields(module.Departure) if f.name != "late")
    frame = pl.from_arrow(madeup.rows(of, 20)).with_columns(
        carrier=pl.Series([*module.CARRIERS, "", "9e", "Ω", "UA "]), origin=pl.Series(["LGA", "BOS"] * 10)
    )
    fused = agree(None, module.features, frame, of, TensorProto.FLOAT)
    (found,) = session(fused.model).run(None, tensors(fused, frame))
    assert np.isnan(found[16:, 0]).all()
    assert found[:16, 0].tolist() == list(range(16))


# expressions at random, over frames at random

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NICE = st.sampled_from([k / 8 for k in range(-40, 41)]) | st.integers(-3000, 3000).map(lambda k: k / 1000)
INTS = st.integers(-12, 12) | st.integers(-(2**53), 2**53)
VALUES = {
    "i": INTS, "f": NICE | FLOATS, "g": NICE | FLOATS, "s": st.sampled_from(["a", "b", "", "Ω",
    "null"]) | st.text(max_size=3),
    "b": st.booleans(), "d": st.dates(),
    "t": st.datetimes(dt.datetime.fromordinal(620_000), dt.datetime.fromordinal(820_000)),
}  # fmt: skip
ROW = st.fixed_dictionaries(
    {f.name: (st.none() | VALUES[f.name[-1].translate(str.maketrans("jc", "ib"))]) if f.nullable
     else VALUES[f.name.translate(str.maketrans("j", "i"))] for f in FIELDS}
)  # fmt: skip
FRAMES = st.lists(ROW, max_size=30).map(lambda rows: pl.DataFrame(rows, schema=SCHEMA))


class Chance:
    """Expressions that no graph may refuse: floats, integers, booleans."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def of(self, *choices):
        return self.r.choice(choices)(self.depth)

    def make(self, kind, depth):
        self.depth = depth - 1
        deeper = getattr(self, kind + "s")
        return getattr(self, kind)() if depth <= 0 or self.r.random() < 0.15 else deeper(depth - 1)

    def number(self):
        return self.r.choice([c("f"), c("nf"), c("g"), c("ng"), pl.lit(self.r.choice([0.5, -2.0, 3.0, 0.1, 0.0]))])

    def numbers(self, n):
        x, y = functools.partial(self.make, "number", n), functools.partial(self.make, "whole", n)
        flag = functools.partial(self.make, "flag", n)
        return self.r.choice(
            [
                lambda: x() + x(), lambda: x() - x(), lambda: x() * x(), lambda: x() / x(), lambda: x() / 3,
                lambda: y() / y(), lambda: y() / 30, lambda: x() // x(), lambda: x() % 0.1,
                lambda: x() % x(), lambda: -x(),
                lambda: x().abs(), lambda: x().round(self.r.randrange(4)),
                lambda: x().round(self.r.randrange(3), mode="half_away_from_zero"), lambda: x().floor(),
                lambda: x().ceil(),
                lambda: x().sqrt(), lambda: x() ** self.r.choice([1, 2, 3, 0.5]), lambda: x().clip(-1, 2.5),
                lambda: (c("ng") * x()).fill_null(x()), lambda: x().fill_nan(self.r.choice([0.5, None])),
                lambda: pl.when(flag()).then(x()).otherwise(x()), lambda: pl.coalesce(c("nf"), x()),
                lambda: pl.max_horizontal(x(), x()), lambda: pl.min_horizontal(x(), x(), x()),
                lambda: y().cast(pl.Float64), lambda: flag().cast(pl.Float64),
                lambda: x().cast(pl.Float32).cast(pl.Float64),
                lambda: c("s").replace_strict(["a", "b",
                "null"], [1.5, None, -2.0], default=self.r.choice([None, 0.5])),
                lambda: (c("t") - c("nt")).dt.total_hours(fractional=True), lambda: x().sign(),
            ]
        )()  # fmt: skip

    def whole(self):
        return self.r.choice([c("i"), c("ni"), c("j"), c("nj"), pl.lit(self.r.choice([2, -3, 7]), dtype=pl.Int64)])

    def wholes(self, n):
        x, y, flag = (functools.partial(self.make, k, n) for k in ("number", "whole", "flag"))
        return self.r.choice(
            [
                lambda: y() + y(), lambda: y() - y(), lambda: y() * y(), lambda: y() // y(), lambda: y() % y(),
                lambda: y() // self.r.choice([7, -7, 0, -1]), lambda: y() % self.r.choice([7, -7, 0]), lambda: -y(),
                lambda: y().abs(), lambda: y() ** self.r.choice([2, 3]), lambda: y().clip(-5, 9),
                lambda: (c("ni") + y()).fill_null(y()),
                lambda: pl.when(flag()).then(y()).otherwise(y()), lambda: x().cast(pl.Int64, strict=False),
                lambda: y().cast(pl.Int8, strict=False).cast(pl.Int64), lambda: flag().cast(pl.Int64),
                lambda: c(self.r.choice(["d", "nd", "t", "nt"])).dt.year().cast(pl.Int64),
                lambda: c(self.r.choice(["d", "nd", "t", "nt"])).dt.week().cast(pl.Int64) * 3,
                lambda: (c("nd") - D(2000, 1, 1)).dt.total_days() // 2, lambda: 2 * c("nt").dt.minute().cast(pl.Int64),
                lambda: c("s").replace_strict({"a": 1, "": 5}, default=y()), lambda: pl.max_horizontal(y(), y()),
                lambda: c("ni").replace({1: 10, 2: None}),
                lambda: c("nj").replace_strict({1: 3, None: 4}, default=y()),
            ]
        )()  # fmt: skip

    def flag(self):
        return self.r.choice([c("b"), c("nb"), c("nc"), c("s") == "a", pl.lit(self.r.random() < 0.5)])

    def flags(self, n):
        x, y, flag = (functools.partial(self.make, k, n) for k in ("number", "whole", "flag"))
        return self.r.choice(
            [
                lambda: x() > x(), lambda: x() <= x(), lambda: x() == x(), lambda: x() != x(), lambda: y() < y(),
                lambda: y() >= x(), lambda: x().eq_missing(x()), lambda: y().ne_missing(y()), lambda: flag() & flag(),
                lambda: flag() | flag(), lambda: flag() ^ flag(), lambda: ~flag(), lambda: x().is_null(),
                lambda: y().is_not_null(), lambda: x().is_nan(), lambda: x().is_finite(),
                lambda: y().is_in([1, 2, None]),
                lambda: y().is_in([3, None], nulls_equal=True), lambda: c("s").is_in(["a", "Ω"]),
                lambda: x().is_between(0, x()), lambda: (c("nb") ^ flag()).fill_null(flag()), lambda: c("nd") > c("t"),
                lambda: pl.when(flag()).then(flag()).otherwise(flag()), lambda: c("d").is_in([D(2000, 2, 29)]),
            ]
        )()  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), FRAMES, st.sampled_from([TensorProto.DOUBLE, TensorProto.FLOAT]))
def test_expressions_at_random_are_the_same_as_in_polars(seed, frame, element):
    chance = Chance(seed)
    made = [chance.make(kind, 3).alias(f"{kind}{n}") for n in range(2) for kind in ("number", "whole", "flag")]
    made = [c("i"), *made]  # a column as long as the frame
    if frame.height == 1:  # where polars divides by a literal otherwise than in the frames that models learn from
        # rows of their own: what pl.concat makes of equal ones polars may still compute as one
        frame = pl.DataFrame([pl.Series(column.name, [*column, *column], column.dtype) for column in frame])
    try:
        agree(None, lambda df: df.select(made), frame, element=element)
    except NotFusable as refused:  # of literals alone, where polars itself may fail
        assume(not re.search("of a literal|fails on made-up rows", str(refused)))
        raise
    except pl.exceptions.ShapeError:  # polars itself takes some of them for one row, and cannot answer
        assume(False)  # noqa: FBT003


# single operations, over rows made to be difficult

FUSES = """
i + ni | i / 7 | ni // nj | i // 0 | ni % -7 | f // 0.1 | 1 / f * g | nf ** 3 | i ** 0.5 | ni ** 2.0
i.cast(pl.Int8, strict=False) * 100 | i.cast(pl.UInt8, strict=False) - 5 | i.cast(pl.UInt8, strict=False) > -1
i.cast(pl.Int16, strict=False) // -1 | (f / g).cast(pl.Int32, strict=False) | nf.cast(pl.UInt32, strict=False)
f.cast(pl.Float32) * 0.1 | f.cast(pl.Float32) / 3 | f.cast(pl.Float32).round(2) | nb.cast(pl.Int8) + 1 | b * nf
b + nb
(f - f) / (g - g) == (g - g) / (f - f) | (f - f) / (g - g) != (nf / nf) | (f / (g - g)).eq_missing((nf - nf) / (g - g))
1 / pl.when(b).then(f.round()).otherwise(g.round()) | pl.lit(1, dtype=pl.Int64) % j | pl.lit(1, dtype=pl.Int64) // nj
1 / (f + 0) | 1 / (0 - f) | 1 / f.round(mode="half_away_from_zero") | 1 / f.sign() | 1 / pl.max_horizontal(f, g, nf)
(nf / ng).cast(pl.Boolean) | ni.cast(pl.Boolean) | f.round(10) | (f / g).round(1) | ni.round(1) | nf.clip(ng, 5)
f.clip(3, 1)
pl.max_horizontal(f / g, nf / ng) | pl.sum_horizontal(ni, nj, b) | pl.sum_horizontal(nf, g) | pl.any_horizontal(b, nb)
s != "a" | pl.lit("a") == s | s.replace({"a": "b"}) == "b" | s.replace({"a": None}).is_null() | s.is_in([])
s.replace_strict({"a": 300}, default=None, return_dtype=pl.Int8) | s.replace_strict(["a", "b"], 5, default=i)
s.replace_strict({"a": "x", "b": "y"}, default="z").is_in(["x", "z"]) | s.replace_strict({"a": True}, default=False)
pl.when(s == "a").then(pl.lit("a")).otherwise(s) == "a" | b.replace_strict({True: 3}, default=-1)
d.replace_strict({D(2024, 2, 29): 1}, default=0) | nf.replace_strict({0.5: 1.5}, default=ng)
i.replace_strict({1: 0.5}, default=nf)
d.dt.month() | d.dt.day() | d.dt.weekday() | nd.dt.quarter() | d.dt.ordinal_day() | d.dt.week() | d.dt.iso_year()
nt.dt.day()
t.dt.hour() | nt.dt.second() | t.dt.millisecond() | t.dt.microsecond() | t.dt.nanosecond() | t.dt.weekday()
t.dt.date().dt.day()
t.dt.timestamp() | t.dt.timestamp("ms") | t.dt.epoch("s") | d.dt.epoch("d") | d.cast(pl.Int32) | nd.cast(pl.Float64)
(t - nt).dt.total_minutes() | (t - d).dt.total_seconds() | (d - t).dt.total_milliseconds()
(t - nt).dt.total_microseconds()
(t - d) / TD(hours=1) | (t - d) / (nt - d) | (d - TD(hours=2)).dt.day() | (t + TD(hours=5)).dt.hour()
(-(t - nt)).dt.total_hours()
t.cast(pl.Date).dt.weekday() | d.cast(pl.Datetime("us")).dt.hour() | t > DT(2020, 1, 1) | nd == D(2024, 2, 29) | d < t
pl.from_epoch(i.cast(pl.Int32, strict=False), "s").dt.hour() | nd.fill_null(D(2000, 1, 1)).dt.year()
pl.max_horizontal(d, nd).dt.day()
pl.lit(None) | pl.lit(3.0) * 2 | i * 0 + pl.lit(2) | pl.when(pl.lit(True)).then(f).otherwise(g)
f / pl.when(f > 0).then(3.0).otherwise(2.0)
"""
NAMESPACE = {n: c(n) for n in SCHEMA} | {"pl": pl, "D": D, "DT": DT, "TD": TD}


@pytest.mark.parametrize("line", [line for line in FUSES.split("\n") if line])
def test_single_operations(line):
    made = [eval(e, NAMESPACE).alias(f"c{n}") for n, e in enumerate(line.split(" | "))]
    frame = proof.frame_of(FIELDS, [0.5, 1.0, "a", "b", D(2024, 2, 29)], rows=700, seed=11)
    for element in (TensorProto.DOUBLE, TensorProto.FLOAT):
        agree(None, lambda df: df.with_columns(made).select("i", "^c.*$"), frame, element=element)


@pytest.mark.parametrize(
    "e",
    [
        "(f.abs() + 1).log()",
        "(ni.abs() + 1).log(10) * 2",
        "nf.clip(-50, 50).exp()",
        "(f.abs() + 2).log(2).fill_null(0)",
    ],
)
def test_logs_are_the_same_once_they_are_float32(e):
    made = eval(e, NAMESPACE).alias("x")
    frame = proof.frame_of(FIELDS, rows=3000, seed=5)
    agree(None, lambda df: df.select("i", made), frame, element=TensorProto.FLOAT)
    with pytest.raises(NotFusable, match="from a log or exp, whose last bit"):
        fuse(graph(2), lambda df: df.select("i", made), FIELDS, "X", ["i", "x"])
    with pytest.raises(NotFusable, match=r"features\(\) uses round of a log or exp"):
        fuse(graph(1, TensorProto.FLOAT), lambda df: df.select(x=made.round(2)), FIELDS, "X", ["x"])


# what a frame can be asked for besides expressions


def chained(df: pl.DataFrame) -> pl.DataFrame:
    assert isinstance(df, pl.DataFrame)
    made = df.with_columns(f=c("f") * 2, k=pl.lit(3)).with_columns(h=c("f") / c("k"), j=c("i"))
    made = (
        made.rename({"nf": "old"})
        .drop("ng", "s")
        .lazy()
        .with_columns(pl.col(pl.Boolean).fill_null(value=False))
        .collect()
    )
    made = (
        made.cast({"ni": pl.Float64}).fill_null(0).pipe(lambda d: d.select_seq("h", "j", "ni", "old", "k", "^b$", "nb"))
    )
    assert made.columns[0] == "h"
    assert made.width == 7
    assert made.schema["ni"] == pl.Float64
    return made.with_columns_seq(pl.all().exclude("b", "nb") * 2)


def test_chains_of_select_with_columns_rename_drop_cast():
    frame = proof.frame_of(FIELDS, rows=300)
    fused = agree(None, chained, frame)
    assert {tensor.name for tensor in fused.inputs} == {"f", "i", "ni", "nf", "b", "nb"}


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda df: df.group_by("s").len(), "features.. uses DataFrame.group_by; it stays in Python"),
        (lambda df: df.filter(c("b")), "DataFrame.filter"),
        (lambda df: df.sort("i"), "DataFrame.sort"),
        (lambda df: df.join(df, on="i"), "DataFrame.join"),
        (lambda df: df.head(1), "DataFrame.head"),
        (lambda df: df.to_pandas(), "DataFrame.to_pandas"),
        (lambda df: df.with_columns(x=df["i"]), r"DataFrame\[…\] \(write pl.col"),
        (lambda df: df.select("i") if len(df) > 0 else df, "DataFrame.__len__"),
        (lambda df: df.select("i") if df.height else df, "DataFrame.height"),
        (lambda df: df + 1, "DataFrame.__add__"),
        (lambda df: pl.concat([df, df]), "the frame in a call of polars'"),
        (lambda df: pl.DataFrame({"i": [1]}), "returns a DataFrame made apart from the frame it is given"),
        (lambda df: None, "returns a NoneType"),
        (lambda df: df.select("nowhere"), "could not be followed: ColumnNotFoundError"),
        (lambda df: df.select(x=1 / 0), "could not be followed: ZeroDivisionError"),
        (lambda df: df.select(c("i").mean()), r"mean\(\), which looks at other rows"),
        (lambda df: df.with_columns(i=c("f") - c("f").min()), r"min\(\), which looks at other rows"),
        (lambda df: df.with_columns(i=c("f").sum().over("s")), r"over\(\), which looks at other rows"),
        (lambda df: df.with_columns(i=c("f").sort()), r"sort\(\), which looks at other rows"),
        (lambda df: df.with_columns(i=pl.len()), r"len\(\), which looks at other rows"),
        (lambda df: df.with_columns(i=c("f").first()), r"first\(\), which looks at other rows"),
        (lambda df: df.select(c("i").filter(c("b"))), r"filter\(\), which looks at other rows"),
        (lambda df: df.with_columns(i=pl.Series([1, 2, 3])), "uses a Series as a column|could not be followed"),
        (lambda df: df.select(i=pl.lit(1)), "selects only literals, which makes one row of many"),
        (lambda df: df.select("f"), "makes no 'i', which the model takes"),
        (lambda df: df.with_columns(i=pl.lit(1)), "uses no column of a row"),
    ],
)
def test_what_is_not_done_row_by_row_is_refused(function, reason):
    with pytest.raises(NotFusable, match=reason):
        fuse(graph(1), function, FIELDS, "X", ["i"])


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (c("f").shift(1), r"shift\(\)"),
        (c("f").rolling_mean(2), r"rolling.mean\(\)"),
        (c("f").rank(), r"rank\(\)"),
        (c("f").cum_sum(), r"cum_sum\(\)"),
        (c("f").diff(), r"diff\(\)"),
        (c("nf").forward_fill(), r"fill_null_with_strategy\(\)"),
        (c("nf").fill_null(strategy="mean"), r"fill_null_with_strategy\(\)"),
        (c("f").interpolate(), r"interpolate\(\)"),
        (c("f").is_duplicated(), r"is_duplicated\(\)"),
        (c("f").map_elements(lambda x: x, return_dtype=pl.Float64), r"a Python function \(map_elements, map_batches\)"),
        (c("s").str.len_chars(), r"str.len_chars\(\)"),
        (c("s").str.to_lowercase().is_in(["a"]), r"str.lowercase\(\)"),
        (c("s").str.contains("a"), r"str.contains\(\)"),
        (c("s").cast(pl.Float64, strict=False), "casts String to Float64"),
        (c("i").cast(pl.String).is_in(["1"]), "casts Int64 to String"),
        (c("s"), "makes 'x' a String; a model takes numbers"),
        (c("d"), "makes 'x' a Date; a model takes numbers"),
        (c("s") + "a", "mixes String|plus that makes String"),
        (c("s") > "a", "which text is smaller"),
        (c("s") == c("s").replace({"a": "b"}), "compares two text columns"),
        (c("s").replace_strict({"a": 1}), "replace_strict without a default"),
        (c("s").replace_strict({"a": D(2024, 1, 1)}, default=None).dt.day(), "replaces by Date"),
        (c("nf").replace_strict({math.nan: 1}, default=0), "NaN among the keys"),
        (c("ni").replace({None: 1}), "of null alone"),
        (c("i").is_in(c("j").implode()), "implode"),
        (c("f").cast(pl.Int64), r"write cast\(pl.Int64, strict=False\)"),
        (c("i").cast(pl.Int8), r"write cast\(pl.Int8, strict=False\)"),
        (c("i").cast(pl.UInt64, strict=False), "casts Int64 to UInt64"),
        (c("i").cast(pl.Decimal(10, 2)), "casts Int64 to Decimal"),
        (c("s").cast(pl.Categorical).to_physical(), "casts String to Categorical|to_physical"),
        (c("i") & 3, "bitwise and of Int64"),
        (c("f") ** -1, "to the power -1"),
        (c("f") ** c("g"), "to the power a column"),
        (c("f") ** 1.5, "to the power 1.5"),
        (c("f").sin(), r"sin\(\)"),
        (c("f").cbrt(), r"cbrt\(\)"),
        (c("f").log1p(), r"log1p\(\)"),
        (c("f").cast(pl.Float32).exp(), "exp of a Float32; cast it to Float64 first"),
        (c("f").exp() + c("f"), "a sum or product of a log or exp"),
        (c("f").exp() > 1, "a comparison of a log or exp"),
        (c("f").round(16), "rounds to 16 digits"),
        (c("f").round_sig_figs(2), r"round_sig_figs\(\)"),
        (c("f").clip(math.nan, 1), "clips at NaN"),
        (c("i").clip(1.5, 3), "clips Int64 at Float64"),
        (pl.sum_horizontal("f", "g", "nf"), "sum_horizontal of more than two floats"),
        (pl.sum_horizontal("f", "g", ignore_nulls=False), "ignore_nulls=False"),
        (pl.mean_horizontal("f", "g"), r"mean_horizontal\(\)"),
        (pl.struct("f", "g").struct.field("f"), "struct"),
        (c("t").dt.truncate("1h").dt.hour(), r"dt.truncate\(\)"),
        (c("t").dt.replace_time_zone("UTC").dt.hour(), r"dt.replace_time_zone\(\)"),
        (c("t") - dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "could not be followed|Datetime"),
        ((c("t") - c("nt")) / 2, "true_divide of Duration and"),
        (c("t").dt.strftime("%Y").is_in(["2024"]), r"dt.to_string\(\)"),
        (c("i").hash(), r"hash\(\)"),
        (pl.int_range(pl.len()), r"len\(\), which looks at other rows|int_range"),
    ],
)  # fmt: skip
def test_operations_that_a_graph_does_not_do_exactly_are_named(expression, reason):
    with pytest.raises(NotFusable, match=reason) as refused:
        fuse(graph(2), lambda df: df.select("i", x=expression), FIELDS, "X", ["i", "x"])
    assert "\n" not in str(refused.value)


def test_a_refusal_that_the_function_catches_is_still_one():
    def features(df):
        try:
            return df.filter(c("b"))
        except NotFusable:
            return df.select("i")

    with pytest.raises(NotFusable, match=r"DataFrame\.filter"):
        fuse(graph(1), features, FIELDS, "X", ["i"])


def today(df):
    return df.select(i=(pl.lit(dt.date.today()) - c("d")).dt.total_days())  # noqa: DTZ011


def through_today(df):
    return today(df)


def test_the_clock_and_chance_are_refused():
    for function in (today, through_today, lambda df: today(df).select("i")):
        with pytest.raises(NotFusable, match=r"asks the clock or for chance \(today\)"):
            fuse(graph(1), function, FIELDS, "X", ["i"])
    count = iter(range(10))
    with pytest.raises(NotFusable, match="does not do the same twice"):
        fuse(graph(1), lambda df: df.select(c("i") + next(count)), FIELDS, "X", ["i"])


def test_a_function_that_does_otherwise_with_rows_than_without_is_found_out():
    seen = []

    def features(df):
        seen.append(df)
        return df.select(c("i") + (1 if len(seen) > 2 else 0))

    with pytest.raises(NotFusable, match=r"the graph does not make 'i' as features\(\) does"):
        fuse(graph(1), features, FIELDS, "X", ["i"])


def test_other_frames_are_refused():
    def features(df: "pandas.DataFrame") -> "pandas.DataFrame":  # noqa: F821
        return df

    with pytest.raises(NotFusable, match="takes pandas frames"):
        fuse(graph(1), features, FIELDS, "X", ["i"])


def test_a_text_that_may_be_missing_and_bytes_are_refused_only_when_used():
    of = (
        *FIELDS,
        Field("maybe", "str", annotation=None, nullable=True),
        Field("raw", "bytes", annotation=None, nullable=False),
    )
    fuse(graph(1), lambda df: df.select("i"), of, "X", ["i"])
    with pytest.raises(NotFusable, match="'maybe', a text that may be missing"):
        fuse(graph(1), lambda df: df.select(i=c("maybe").is_in(["a"])), of, "X", ["i"])
    with pytest.raises(NotFusable, match="'raw', which is bytes"):
        fuse(graph(1), lambda df: df.select(i=c("raw").is_null()), of, "X", ["i"])


# the graph around


def test_inputs_are_the_raw_columns_in_use():
    fused = fuse(graph(2), lambda df: df.select(x=c("s") == "a", y=c("nd").dt.year() + c("i")), FIELDS, "X", ["y", "x"])
    assert [(t.name, t.datatype, t.columns) for t in fused.inputs] == [
        ("i", "INT64", ()), ("s", "BYTES", ()), ("nd", "FP64", ())
    ]  # fmt: skip
    shapes = {v.name: [d.dim_param for d in v.type.tensor_type.shape.dim] for v in fused.model.graph.input}
    assert shapes == {"i": ["N"], "s": ["N"], "nd": ["N"]}
    assert [v.name for v in fused.model.graph.output] == ["Y"]


def test_columns_alike_are_computed_together_and_come_back_in_order():
    names = ["f", "i", "nf", "j", "ng", "g", "ni"]

    def features(df):
        return df.select((pl.col(names).cast(pl.Float64) * 3).round(1))

    fused = agree(None, features, proof.frame_of(FIELDS))
    ops = [node.op_type for node in fused.model.graph.node]
    assert ops.count("Round") == 1
    assert len(ops) < 20


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_few_rows(rows):
    def features(df):
        return df.select(
            c("f") * 2,
            c("s").replace_strict({"a": 1}, default=None),
            c("ni").is_in([1, 2]),
            pl.lit(7),
            c("d").dt.year(),
        )

    frame = proof.frame_of(FIELDS).head(rows)
    agree(None, features, frame)


@pytest.mark.parametrize(
    "opsets", [(("", 13),), (("", 17), ("ai.onnx.ml", 1)), (("", 21), ("ai.onnx.ml", 4)), (("", 18), ("", 18))]
)
def test_operator_sets(opsets):
    def features(df):
        return df.select(c("s").replace_strict({"a": 1, "b": 2}, default=0), c("nf").round(2), c("ni").is_in([1, 2, 3]))

    fused = agree(graph(3, opsets=opsets), features, proof.frame_of(FIELDS, ["a", "b"]))
    kept = {o.domain: o.version for o in fused.model.opset_import}
    assert kept[""] == opsets[0][1]


def test_models_of_another_form_are_refused():
    with pytest.raises(NotFusable, match="operator set 11; export it with 13"):
        fuse(graph(1, opsets=(("", 11),)), lambda df: df.select("i"), FIELDS, "X", ["i"])
    with pytest.raises(NotFusable, match="takes INT64, and features are floats"):
        fuse(graph(1, TensorProto.INT64), lambda df: df.select("i"), FIELDS, "X", ["i"])
    with pytest.raises(NotFusable, match="the model takes X, not 'Z' alone"):
        fuse(graph(1), lambda df: df.select("i"), FIELDS, "Z", ["i"])


def test_names_that_clash_make_room():
    of = tuple(
        Field(n, "float", nullable=False, annotation=None) for n in ("features", "hidden", "features_matrix", "w")
    )
    made = helper.make_graph(
        [
            helper.make_node("Mul", ["features", "w"], ["hidden"]),
            helper.make_node("Neg", ["hidden"], ["features_0_Concat"]),
        ],
        "model",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("features_0_Concat", TensorProto.FLOAT, [None, 4])],
        [onnx.numpy_helper.from_array(np.float32([2.0]), "w")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    fused = fuse(model, lambda df: df.select(pl.all() + 1), of, "features", [f.name for f in of])
    values = {f.name: np.array([n, n + 0.5]) for n, f in enumerate(of)}
    (found,) = session(fused.model).run(None, values)
    np.testing.assert_array_equal(found, -2 * (np.stack(list(values.values()), axis=1) + 1).astype(np.float32))
    assert [n.name for n in model.graph.input] == ["features"]  # what was given stays as it was
    with pytest.raises(NotFusable, match="'Y' is called like an output"):
        fuse(graph(1), lambda df: df.select("Y"), (Field("Y", "float", annotation=None, nullable=False),), "X", ["Y"])


def test_the_same_function_gives_the_same_bytes():
    module = project(EXAMPLES / "flights/flights.py")
    of = tuple(f for f in fields(module.Departure) if f.name != "late")
    made = [fuse(graph(2), module.features, of, "X", ["carrier", "temp"]).model.SerializeToString() for _ in range(2)]
    assert made[0] == made[1]


def test_graphs_hold_plain_operators_only():
    frame = proof.frame_of(FIELDS)
    fused = agree(None, lambda df: df.select(c("s") == "a", c("nd").dt.week(), c("ni") // c("j")), frame)
    assert {node.domain for node in fused.model.graph.node} <= {"", "ai.onnx.ml"}
    assert not {node.op_type for node in fused.model.graph.node} & {"Loop", "If", "Scan"}
