"""Tensor operations as a graph of terms, each kept once: what is never asked for is never written into the model.

Every term is a tensor of (rows,), or of () when no row has a say in it. Operators: https://onnx.ai/onnx/operators/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
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
    never_minus_zero: bool = True

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
        known = tuple(sorted(attributes.items()))
        fixed = all(term.fixed for term in inputs)
        if fixed and all(term.op == "Constant" for term in inputs):
            return self.constant(_computed(op, inputs, kind, attributes), kind)
        key = (op, domain, kind, known, tuple(term.number for term in inputs))
        return self._keep(key, op=op, type=kind, inputs=inputs, attributes=known, domain=domain, fixed=fixed)

    def cast(self, term: Term, kind: int) -> Term:
        if term.type == kind:
            return term
        return self("Cast", term, kind=kind, to=kind)

    def both(self, a: Term | None, b: Term | None) -> Term | None:
        """Where both hold; None is always."""
        told = [term for term in (a, b) if term is not None and not term.is_constant(value=True)]
        if len(told) < 2 or told[0] is told[1]:
            return told[0] if told else None
        never = next((term for term in told if term.is_constant(value=False)), None)
        return never or self("And", *told)

    def where(self, condition: Term, yes: Term, no: Term) -> Term:
        """`yes` where the condition holds, else `no`.

        ONNX Runtime's Where makes 0.0 of a -0.0 in its first choice, and their quotients differ: so a tensor that may
        hold one goes to the second place, and where both may, each is chosen against 1 and the two are multiplied.
        """
        if condition.op == "Constant":
            return yes if condition.value() else no
        if yes is no:
            return yes
        if condition.op == "Not":
            condition, yes, no = condition.inputs[0], no, yes
        if yes.type == BOOL:
            return self._where_bool(condition, yes, no)
        if yes.never_minus_zero:
            return self("Where", condition, yes, no)
        # not Not, which ONNX Runtime would take out again by changing places
        other = self("Xor", condition, self.constant(value=True, kind=BOOL))
        if no.never_minus_zero:
            return self("Where", other, no, yes)
        one = self.constant(1.0, yes.type)
        return self("Mul", self("Where", condition, one, no), self("Where", other, one, yes))

    def _where_bool(self, condition: Term, yes: Term, no: Term) -> Term:
        """ONNX Runtime has no Where of booleans."""
        if yes.op == "Constant":
            return self("Or", condition, no) if yes.value() else self("And", self("Not", condition), no)
        if no.op == "Constant":
            return self("Or", self("Not", condition), yes) if no.value() else self("And", condition, yes)
        return self("Or", self("And", condition, yes), self("And", self("Not", condition), no))

    def _keep(self, key: Any, **parts: Any) -> Term:
        if key not in self._known:
            signless = _never_minus_zero(parts["op"], parts["type"], parts.get("inputs", ()), parts.get("array"))
            self._known[key] = Term(number=len(self._known), never_minus_zero=signless, **parts)
        return self._known[key]


def _computed(op: str, inputs: Sequence[Term], kind: int, attributes: dict[str, Any]) -> Array:
    """What ONNX Runtime makes of literals alone: it folds them otherwise, and rewrites what it has folded."""
    names = [f"x{place}" for place in range(len(inputs))]
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], **attributes)],
        "literals",
        [helper.make_tensor_value_info(n, t.type, _shape(t)) for n, t in zip(names, inputs, strict=True)],
        [helper.make_tensor_value_info("y", kind, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {name: term.array for name, term in zip(names, inputs, strict=True)})
    made: Array = np.asarray(found)
    return made


def _shape(term: Term) -> tuple[int, ...]:
    assert term.array is not None
    return tuple(term.array.shape)


def _never_minus_zero(op: str, kind: int, inputs: Sequence[Term], array: Array | None) -> bool:
    if kind not in (DOUBLE, FLOAT) or op in ("Abs", "Exp"):
        return True
    if array is not None:
        return not bool(np.any((array == 0) & np.signbit(array)))
    first = [term.never_minus_zero for term in inputs]
    if op in ("Cast", "Floor", "Sqrt", "Sub", "Gather"):  # -0.0 only of a first one that is
        return first[0]
    if op == "Add":  # -0.0 only of two that are
        return any(first)
    return op == "Where" and all(first[1:])
