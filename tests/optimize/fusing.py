"""Rows of every type, models that give back their features, and the fused graph held against polars."""

import datetime as dt
import functools
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import polars as pl
from onnx import TensorProto, helper

from arkwright.core.rows import Field
from arkwright.optimize.fusion.fuse import fuse

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
