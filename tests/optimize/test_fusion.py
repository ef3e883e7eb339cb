"""The fused graph against polars itself: the same bits, or a refusal that names what stands in the way."""

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper
from tests.optimize.fusing import DT, EXAMPLES, FIELDS, SCHEMA, TD, D, agree, c, graph, project, session, tensors

from arkwright.core.rows import Field, fields
from arkwright.optimize.fusion import proof
from arkwright.optimize.fusion.fuse import NotFusable, fuse
from arkwright.project import madeup

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
