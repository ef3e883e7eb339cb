"""Tensor operations as a graph of terms, each kept once: what is never asked for is never written into the model.

Every term is a tensor of (rows,), or of () when no row has a say in it. Operators: https://onnx.ai/onnx/operators/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import TensorProto, helper

BOOL, INT64, DOUBLE, FLOAT, STRING = (
    TensorProto.BOOL,
    TensorProto.INT64,
    TensorProto.DOUBLE,
    TensorProto.FLOAT,
    TensorProto.STRING,
)
ML = "ai.onnx.ml"
Array = np.ndarray[Any, Any]

_COMPARES = frozenset({"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "IsNaN", "IsInf"})
_FOLDS: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Not": np.logical_not,
    "And": np.logical_and,
    "Or": np.logical_or,
}


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One operation. `type` is ONNX's element type; `fixed` when it is the same for every row.

    `number` counts terms as they are made, so that the same function always gives the same bytes.
    """

    number: int
    op: str  # Input, Constant or an ONNX operator
    type: int
    inputs: tuple["Term", ...] = ()
    attributes: tuple[tuple[str, Any], ...] = ()
    domain: str = ""
    name: str = ""
    array: Array | None = None
    fixed: bool = False

    def value(self) -> Any:
        """The number or text of a constant of shape ()."""
        assert self.array is not None
        return self.array.item()

    def is_constant(self, value: Any) -> bool:
        return self.array is not None and self.array.ndim == 0 and bool(self.array == value)


class Terms:
    """Makes terms; the same one asked for twice is the same object."""

    def __init__(self) -> None:
        self._known: dict[Any, Term] = {}

    def input(self, name: str, kind: int) -> Term:
        return self._keep(("Input", name, kind), op="Input", type=kind, name=name)

    def constant(self, value: Any, kind: int) -> Term:
        """A scalar, or a table in one dimension to gather from."""
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        array: Array = np.array(value, dtype=object if kind == STRING else dtype)
        content = tuple(array.ravel().tolist()) if kind == STRING else array.tobytes()
        key = ("Constant", kind, array.shape, content)
        return self._keep(key, op="Constant", type=kind, array=array, fixed=True)

    def __call__(self, op: str, *inputs: Term, kind: int | None = None, domain: str = "", **attributes: Any) -> Term:
        """`op` of these inputs. Its type is `kind`, BOOL for a comparison, else that of the last input."""
        if op == "Not" and inputs[0].op == "Not":
            return inputs[0].inputs[0]
        kind = kind or (BOOL if op in _COMPARES else inputs[-1].type)
        if op in _FOLDS and all(term.array is not None for term in inputs):
            with np.errstate(all="ignore"):
                return self.constant(_FOLDS[op](*(term.array for term in inputs)), kind)
        known = tuple(sorted(attributes.items()))
        fixed = all(term.fixed for term in inputs)
        key = (op, domain, kind, known, tuple(term.number for term in inputs))
        return self._keep(key, op=op, type=kind, inputs=inputs, attributes=known, domain=domain, fixed=fixed)

    def cast(self, term: Term, kind: int) -> Term:
        if term.type == kind:
            return term
        if term.array is not None and STRING not in (term.type, kind):
            with np.errstate(all="ignore"):
                return self.constant(term.array, kind)
        return self("Cast", term, kind=kind, to=kind)

    def both(self, a: Term | None, b: Term | None) -> Term | None:
        """Where both hold; None is always."""
        if a is None or a is b:
            return b
        if b is None or a.is_constant(value=False):
            return a
        if b.is_constant(value=False):
            return b
        return self("And", a, b)

    def where(self, condition: Term, yes: Term, no: Term) -> Term:
        """`yes` where the condition holds, else `no`."""
        if condition.op == "Constant":
            return yes if condition.value() else no
        if yes is no:
            return yes
        if condition.op == "Not":
            condition, yes, no = condition.inputs[0], no, yes
        return self._where_bool(condition, yes, no) if yes.type == BOOL else self("Where", condition, yes, no)

    def _where_bool(self, condition: Term, yes: Term, no: Term) -> Term:
        """ONNX Runtime has no Where of booleans."""
        if yes.op == "Constant":
            return self("Or", condition, no) if yes.value() else self("And", self("Not", condition), no)
        if no.op == "Constant":
            return self("Or", self("Not", condition), yes) if no.value() else self("And", condition, yes)
        return self("Or", self("And", condition, yes), self("And", self("Not", condition), no))

    def _keep(self, key: Any, **parts: Any) -> Term:
        if key not in self._known:
            self._known[key] = Term(number=len(self._known), **parts)
        return self._known[key]
