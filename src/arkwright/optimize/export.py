"""A fitted estimator as an ONNX graph, with its preprocessing inside. An export is a claim: whoever takes one compares
its answers with the estimator's on real rows, and tries the next way when they differ.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from arkwright.core.errors import Invalid, Missing
from arkwright.core.signature import Tensor
from arkwright.core.usercode import describe
from arkwright.optimize.boosters import convertible, parts

MATRIX = "features"  # the one input of a model that takes numbers only
LABEL, PROBABILITIES, VALUE = "label", "probabilities", "value"
_LOCALE = "C.UTF-8"  # the converter's own, en_US.UTF-8, is not on a machine that nobody installed it on
_PYTHON_WORD, _RE2_WORD = r"(?u)\b\w\w+\b", r"[\p{L}\p{N}_][\p{L}\p{N}_]+"  # the same: RE2's \w is ASCII's alone
# what the installed ONNX Runtime and every converter know; newer ones are written with defects by some converters
OPSET = {"": 18, "ai.onnx.ml": 3}


@dataclass(frozen=True, slots=True)
class Exported:
    """A graph and the way it was made; `inputs` are its tensors, `width` the float type inside: float32 | float64."""

    model: Any  # onnx.ModelProto
    inputs: tuple[Tensor, ...]
    width: str


def exports(estimator: Any, inputs: pa.Table, *, task: str) -> Iterator[Exported]:
    """Every way in which the estimator can become a graph, the fastest first.

    `inputs`: rows as the estimator was fitted on. Raises Invalid, naming the reason of the last way, when none works.
    """
    _register()
    estimator = convertible(estimator)
    reason: Exception | None = None
    found = False
    for width, whole in (("float32", "float"), ("float64", "float"), ("float32", "int")):
        columns = _columns(estimator, inputs)
        tensors = _matrix(inputs, width) if columns is None else _each(inputs, columns, width, whole)
        if tensors is None or (whole == "int" and columns is None):
            continue
        try:
            model = _convert(estimator, tensors, task)
        except Exception as error:  # noqa: BLE001 - converters raise whatever they like
            reason = error
            continue
        found = True
        yield Exported(model, tensors, width)
    if not found:
        kind = type(estimator).__name__
        why = describe(reason) if reason else "it takes columns that are neither numbers nor texts"
        raise Invalid(f"the {kind} cannot become an ONNX graph ({why}); make numbers of its columns in features()")


def _columns(estimator: Any, inputs: pa.Table) -> list[str] | None:
    """The columns that a pipeline picks by name, or None for an estimator that takes all as one matrix."""
    first = estimator.steps[0][1] if hasattr(estimator, "steps") else estimator
    if not hasattr(first, "transformers_"):
        return None
    picked: dict[str, None] = {}
    for _, transformer, columns in first.transformers_:
        if transformer == "drop":
            continue
        for column in [columns] if isinstance(columns, str) else columns:
            picked[inputs.column_names[column] if isinstance(column, int) else str(column)] = None
    return [name for name in inputs.column_names if name in picked]


def _matrix(inputs: pa.Table, width: str) -> tuple[Tensor, ...] | None:
    plain = all(
        pa.types.is_integer(f.type) or pa.types.is_floating(f.type) or pa.types.is_boolean(f.type)
        for f in inputs.schema
    )
    return (Tensor(name=MATRIX, datatype=_FLOATS[width], columns=tuple(inputs.column_names)),) if plain else None


def _each(inputs: pa.Table, columns: Sequence[str], width: str, whole: str) -> tuple[Tensor, ...] | None:
    tensors = []
    for name in columns:
        kind = inputs.schema.field(name).type
        if pa.types.is_string(kind):
            datatype = "BYTES"
        elif pa.types.is_integer(kind) and whole == "int" and not inputs.column(name).null_count:
            datatype = "INT64"
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            datatype = _FLOATS[width]
        else:
            return None
        tensors.append(Tensor(name=name, datatype=datatype, columns=(name,)))
    return tuple(tensors)


_FLOATS = {"float32": "FP32", "float64": "FP64"}


def _convert(estimator: Any, tensors: tuple[Tensor, ...], task: str) -> Any:
    from skl2onnx import to_onnx
    from skl2onnx.common import data_types

    kinds = {
        "FP32": data_types.FloatTensorType,
        "FP64": data_types.DoubleTensorType,
        "INT64": data_types.Int64TensorType,
        "BYTES": data_types.StringTensorType,
    }
    given = [(t.name, kinds[t.datatype]([None, len(t.columns)])) for t in tensors]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = to_onnx(estimator, initial_types=given, options=_options(estimator, task), target_opset=OPSET)
    model.doc_string = model.producer_version = ""
    _rename_outputs(model, [LABEL, PROBABILITIES] if task == "classification" else [VALUE])
    return model


def _options(estimator: Any, task: str) -> dict[int, dict[str, Any]]:
    """A scaler divides, as it did when the model learnt: multiplying by the inverse puts values on the other side of a
    tree's threshold. Texts are made lower-case and cut into words as scikit-learn does it, in any alphabet, and by a
    locale that every machine with glibc has. Probabilities come as one table instead of a list of dictionaries.
    """
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.preprocessing import StandardScaler

    options: dict[int, dict[str, Any]] = {}
    for part in parts(estimator):
        if type(part) is StandardScaler:
            options[id(part)] = {"div": "div"}
        elif type(part) in (CountVectorizer, TfidfVectorizer):
            options[id(part)] = {"locale": _LOCALE}
            if part.analyzer == "word" and part.token_pattern == _PYTHON_WORD:
                options[id(part)]["tokenexp"] = _RE2_WORD
    if task == "classification":
        last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
        options[id(last)] = {"zipmap": False}
    return options


def _rename_outputs(model: Any, names: Sequence[str]) -> None:
    """The outputs by our names, whatever the converter called them."""
    if len(model.graph.output) != len(names):
        raise ValueError(f"the graph gives {len(model.graph.output)} outputs instead of {', '.join(names)}")
    new = dict(zip([output.name for output in model.graph.output], names, strict=True))
    for output in model.graph.output:
        output.name = new[output.name]
    for node in model.graph.node:
        for names_of in (node.input, node.output):
            names_of[:] = [new.get(name, name) for name in names_of]


def _register() -> None:
    """Teach skl2onnx the boosters that are installed; harmless when done before."""
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common import shape_calculator
    except ImportError:
        raise Missing("the ONNX exporter is not installed: pip install 'arkwright[sklearn]'") from None
    classifier = {"zipmap": [True, False, "columns"], "nocl": [True, False]}
    classes = shape_calculator.calculate_linear_classifier_output_shapes
    values = shape_calculator.calculate_linear_regressor_output_shapes
    for made in (_lightgbm, _xgboost):
        for kind, convert, is_classifier in made():
            update_registered_converter(
                kind,
                f"Arkwright{kind.__name__}",
                classes if is_classifier else values,
                convert,
                options=classifier if is_classifier else {"split": None},
            )


def _lightgbm() -> Iterator[tuple[Any, Any, bool]]:
    try:
        from lightgbm import LGBMClassifier, LGBMRegressor
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    except ImportError:
        return
    yield LGBMClassifier, convert_lightgbm, True
    yield LGBMRegressor, convert_lightgbm, False


def _xgboost() -> Iterator[tuple[Any, Any, bool]]:
    try:
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
        from xgboost import XGBClassifier, XGBRegressor
    except ImportError:
        return
    yield XGBClassifier, convert_xgboost, True
    yield XGBRegressor, convert_xgboost, False
