"""An ONNX graph run over many rows, its answers in the form in which a fitted estimator's are told."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from arkwright.core import onnx_guard
from arkwright.core.errors import Invalid
from arkwright.core.usercode import describe

Array = npt.NDArray[Any]
_ALONE = 8  # rows that are run by themselves too
_FAR = 1000  # times the largest numbers: beside such a row, one scale for all of a run leaves the others nothing
_ROWS = 8192  # at a time, so that what is between the operators stays in the processor's cache


def run(model: bytes, feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Every output for n rows. Raises Invalid when no session takes the graph or the rows, or when the first rows are
    answered otherwise by themselves than beside others, or beside one far from them: callers may not change each
    other's answers.
    """
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    for setting in onnx_guard.settings(onnx_guard.check_bytes(model, "the ONNX graph")).items():
        options.add_session_config_entry(*setting)  # as it is served
    n = len(next(iter(feeds.values())))
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        starts = range(0, n, _ROWS) if n else (0,)
        parts = [session.run(names, {k: v[i : i + _ROWS] for k, v in feeds.items()}) for i in starts]
        alone = [session.run(names, {k: v[i : i + 1] for k, v in feeds.items()}) for i in range(min(n, _ALONE))]
    except Exception as error:  # noqa: BLE001 - onnxruntime has no public class for its errors
        raise Invalid(f"the ONNX graph cannot run: {describe(error)}") from None
    for outputs in (parts[0], _beside_far(session, names, feeds) if n else []):
        for i, (name, together) in enumerate(zip(names, outputs, strict=False)):
            for row, (told, beside) in enumerate(zip(alone, together, strict=False)):
                if not _same(told[i][0], beside):
                    raise Invalid(f"the ONNX graph answers a row otherwise beside others: {name!r} of the row {row}")
    return {name: np.concatenate([part[i] for part in parts]) for i, name in enumerate(names)}


def _beside_far(session: Any, names: Sequence[str], feeds: Mapping[str, Array]) -> list[Array]:
    """Every output for the first rows, the last of them followed by one far from all; none where it takes no such."""
    try:
        found: list[Array] = session.run(
            names, {name: np.concatenate([values[:_ALONE], _far(values[:_ROWS])]) for name, values in feeds.items()}
        )
    except Exception:  # noqa: BLE001 - as above
        return []
    return found


def _far(values: Array) -> Array:
    """A row (1, ...) whose floats are far from those of any other; what else it holds may be places in a table."""
    if values.dtype.kind != "f":
        return values[:1]
    largest = np.where(np.isfinite(values), np.abs(values), 0).max(axis=0, keepdims=True)
    far: Array = np.minimum(largest, np.finfo(values.dtype).max / _FAR) * _FAR
    return far


def _same(alone: Any, beside: Any) -> bool:
    """But for what adding up in another order makes of floats; a label may turn where two are as likely."""
    alone, beside = np.asarray(alone), np.asarray(beside)
    return alone.dtype.kind != "f" or np.allclose(alone, beside, rtol=1e-3, atol=1e-4, equal_nan=True)


def answers(outputs: Mapping[str, Array], task: str, classes: Sequence[Any]) -> tuple[Array, Array | None]:
    """(label, score) of n rows, as `train.answers.answers` tells them: class codes and probabilities, or values."""
    if task == "regression":
        (values,) = outputs.values()
        return values.reshape(len(values), -1)[:, 0].astype(np.float64), None
    places = {value: place for place, value in enumerate(classes)}
    label = np.array([places.get(value, -1) for value in outputs["label"].ravel().tolist()], dtype=np.int64)
    table = outputs["probabilities"].reshape(len(label), -1).astype(np.float64)
    if (label < 0).any() or table.shape[1] != len(classes):
        raise Invalid("the ONNX graph answers classes that the target does not have")
    return label, table[:, 1] if len(classes) == 2 else table
