"""What a graph does not do exactly as polars does is refused, and named."""

import datetime as dt
import math

import polars as pl
import pytest
from onnx import TensorProto
from tests.optimize.fusing import FIELDS, D, c, graph

from arkwright.core.rows import Field
from arkwright.optimize.fusion.fuse import NotFusable, fuse


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


def test_models_of_another_form_are_refused():
    with pytest.raises(NotFusable, match="operator set 11; export it with 13"):
        fuse(graph(1, opsets=(("", 11),)), lambda df: df.select("i"), FIELDS, "X", ["i"])
    with pytest.raises(NotFusable, match="takes INT64, and features are floats"):
        fuse(graph(1, TensorProto.INT64), lambda df: df.select("i"), FIELDS, "X", ["i"])
    with pytest.raises(NotFusable, match="the model takes X, not 'Z' alone"):
        fuse(graph(1), lambda df: df.select("i"), FIELDS, "Z", ["i"])
