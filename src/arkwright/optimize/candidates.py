"""Every form in which a trained model could be served, each with its answers on the held-out rows."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arkwright.core.errors import Invalid
from arkwright.core.rows import Field
from arkwright.core.signature import Tensor
from arkwright.optimize import session
from arkwright.optimize.export import MATRIX, Exported, exports
from arkwright.optimize.feeds import feeds
from arkwright.optimize.fusion.fuse import NotFusable, fuse
from arkwright.optimize.shorter import twins

Array = npt.NDArray[Any]
Answers = tuple[Array, Array | None]
_SCORE_DIFFERS = 1e-3


@dataclass(frozen=True, slots=True)
class Held:
    """The held-out rows. `raw`: as they come; `inputs`: as the estimator takes them, the same table without features.

    `trained`: what the estimator answers. `share`: of the rows on which a graph must answer as it does.
    """

    raw: pa.Table
    inputs: pa.Table
    trained: Answers
    task: str
    classes: tuple[Any, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Variant:
    """One graph. `inside`: the project's features are part of it, so it takes raw rows.

    `answers`: on the held-out rows. No `model`: it cannot be made, and `note` says why.
    """

    name: str
    model: bytes
    inputs: tuple[Tensor, ...]
    inside: bool
    answers: Answers
    outputs: dict[str, str] = field(default_factory=dict)  # name -> datatype of the Open Inference Protocol
    note: str = ""


def variants(
    estimator: Any, held: Held, features: Callable[..., Any] | None, fields: Sequence[Field]
) -> Iterator[Variant]:
    """The graph, the graph with `features` inside, and its smaller twins. Raises Invalid when no graph is right."""
    exported, plain = _faithful(estimator, held)
    yield plain
    note = ""
    inside = None
    if features is not None and exported.inputs[0].name == MATRIX:
        try:
            inside = _inside(exported.model, held, exported, features, fields, "onnx, features inside")
        except (NotFusable, Invalid) as why:
            note = str(why)
    elif features is not None:
        note = "features() gives texts, which stay in Python"
    if inside is not None:
        yield inside
    elif note:
        yield Variant("onnx, features inside", b"", (), inside=True, answers=held.trained, note=note)
    for name, model in twins(exported.model, estimator):
        within = inside is not None and features is not None
        try:
            if inside is not None and features is not None:
                yield _inside(model, held, exported, features, fields, name)
            else:
                yield _plain(name, model, held, exported)
        except Invalid as why:
            yield Variant(name, b"", (), inside=within, answers=held.trained, note=str(why))


def _faithful(estimator: Any, held: Held) -> tuple[Exported, Variant]:
    """The first export that answers as the estimator does."""
    worst = ""
    for exported in exports(estimator, held.inputs, task=held.task):
        try:
            variant = _plain("onnx", exported.model, held, exported)
        except Invalid as error:
            worst = worst or str(error)
            continue
        same = agreeing(variant.answers, held.trained)
        if same >= held.share:
            return exported, variant
        worst = f"as {exported.width} it answers otherwise on {1 - same:.2%} of the held-out rows"
    kind = type(estimator).__name__
    raise Invalid(
        f"no ONNX graph of the {kind} is right: {worst}; it is not served rather than served wrongly. "
        "Choose an estimator or a setting that exports exactly (numbers instead of native categories, sigmoid "
        "instead of isotonic calibration, features rounded to float32, texts lower-case and without stop words before)"
    )


def agreeing(answers: Answers, trained: Answers) -> float:
    """The share of the rows with the same label and a score no further off than a thousandth (of the answers' size)."""
    label, score = answers
    if score is None or trained[1] is None:
        size = np.maximum(np.abs(trained[0]), np.abs(trained[0]).mean())
        return float((np.abs(label - trained[0]) <= _SCORE_DIFFERS * size).mean())
    far = np.abs(score - trained[1]) > _SCORE_DIFFERS
    return float(((label == trained[0]) & ~(far.any(axis=1) if far.ndim == 2 else far)).mean())


def _plain(name: str, model: Any, held: Held, exported: Exported) -> Variant:
    data = model.SerializeToString(deterministic=True)
    outputs = session.run(data, feeds(held.inputs, exported.inputs))
    note = "64-bit floats" if exported.width == "float64" else ""
    return _variant(name, data, exported.inputs, held, outputs, inside=False, note=note)


def _inside(
    model: Any, held: Held, exported: Exported, features: Callable[..., Any], fields: Sequence[Field], name: str
) -> Variant:
    fused = fuse(model, features, fields, MATRIX, exported.inputs[0].columns)
    data = fused.model.SerializeToString(deterministic=True)
    return _variant(name, data, fused.inputs, held, session.run(data, feeds(held.raw, fused.inputs)), inside=True)


def _variant(
    name: str,
    data: bytes,
    inputs: tuple[Tensor, ...],
    held: Held,
    outputs: dict[str, Array],
    *,
    inside: bool,
    note: str = "",
) -> Variant:
    said = session.answers(outputs, held.task, held.classes)
    kinds = {output: _DATATYPES[values.dtype.kind + str(values.dtype.itemsize)] for output, values in outputs.items()}
    return Variant(name, data, inputs, inside=inside, answers=said, outputs=kinds, note=note)


# numpy's kind and width; texts come as objects
_DATATYPES = {"f4": "FP32", "f8": "FP64", "i8": "INT64", "i4": "INT32", "b1": "BOOL", "O8": "BYTES"}
