"""From terms to ONNX nodes: columns that are computed alike are computed together, in one long tensor.

A one-row request pays for each node, not for each number: twenty columns that are each rounded and divided cost twenty
times two nodes one by one, and two nodes as one tensor of (twenty · rows,).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from arkwright.optimize.fusion.terms import ML, STRING, Term

_NOT_ROW_BY_ROW = frozenset({"Unsqueeze", "ArgMax", "Expand", "Shape"})  # these need the shape (rows,) itself


class Writer:
    """Writes terms into nodes and initializers under names that begin with `prefix`."""

    def __init__(self, prefix: str, label_encoder: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.inputs: dict[str, int] = {}
        self._prefix, self._label_encoder = prefix, label_encoder
        self._made: dict[tuple[int, ...], str] = {}
        self._keys: dict[int, tuple[Any, ...]] = {}
        self._tables: dict[Any, str] = {}

    def matrix(self, columns: Sequence[Term], output: str) -> None:
        """The columns side by side, (rows, columns), as the tensor `output`."""
        order = sorted(range(len(columns)), key=lambda i: (self._key(columns[i]), i))
        flat = self._flat(tuple(columns[i] for i in order))
        shape = self._table(np.array([len(columns), -1], dtype=np.int64))
        natural = order == list(range(len(columns)))
        by_column = self._node("Reshape", [flat, shape])
        side_by_side = self._node("Transpose", [by_column], perm=[1, 0], named=output if natural else None)
        if not natural:
            back = self._table(np.argsort(np.array(order)).astype(np.int64))
            self._node("Gather", [side_by_side, back], axis=1, named=output)

    def _flat(self, terms: tuple[Term, ...]) -> str:
        """All these tensors, one after the other, in one dimension."""
        made = tuple(term.number for term in terms)
        if made not in self._made:
            if len(terms) == 1:
                self._made[made] = self._one(terms[0])
            elif _alike(terms[0])[0] and len({_alike(term) for term in terms}) == 1:
                self._made[made] = self._together(terms)
            else:
                self._made[made] = self._node("Concat", [self._flat(run) for run in _runs(terms)], axis=0)
        return self._made[made]

    def _together(self, terms: tuple[Term, ...]) -> str:
        places = zip(*(term.inputs for term in terms), strict=True)
        return self._write(terms[0], [self._flat(place[:1] if place[0].fixed else place) for place in places])

    def _one(self, term: Term) -> str:
        if term.op == "Input":
            self.inputs[term.name] = term.type
            return term.name
        if term.array is not None:
            return self._table(term.array)
        return self._write(term, [self._flat((inner,)) for inner in term.inputs])

    def _write(self, term: Term, inputs: list[str]) -> str:
        attributes = dict(term.attributes)
        if term.op == "LabelEncoder":
            attributes = _label_encoder(attributes, self._label_encoder)
        return self._node(term.op, inputs, domain=term.domain, **attributes)

    def _node(
        self, op: str, inputs: list[str], *, named: str | None = None, domain: str = "", **attributes: Any
    ) -> str:
        name = named or f"{self._prefix}{len(self.nodes)}_{op}"
        self.nodes.append(helper.make_node(op, inputs, [name], domain=domain, **attributes))
        return name

    def _table(self, array: Any) -> str:
        texts = array.dtype == object
        key = (array.dtype.str, array.shape, tuple(array.ravel().tolist()) if texts else array.tobytes())
        if key not in self._tables:
            name = f"{self._prefix}c{len(self._tables)}"
            self._tables[key] = name
            if texts:
                made = helper.make_tensor(name, STRING, array.shape, [text.encode() for text in array.ravel().tolist()])
            else:
                made = numpy_helper.from_array(array, name)
            self.initializers.append(made)
        return self._tables[key]

    def _key(self, term: Term) -> tuple[Any, ...]:
        """Orders terms so that those computed alike stand next to each other."""
        if term.number not in self._keys:
            below = next((self._key(t) for t in term.inputs if not t.fixed), ())
            self._keys[term.number] = (*map(str, _alike(term)), *below)
        return self._keys[term.number]


def _alike(term: Term) -> tuple[Any, ...]:
    """Equal for terms that one node can compute in one tensor."""
    if term.op in ("Input", "Constant") or term.op in _NOT_ROW_BY_ROW or term.fixed:
        return ("", term.type, term.number)
    constants = tuple(t.number if t.fixed else -1 for t in term.inputs)
    kinds = tuple(t.type for t in term.inputs)
    return (term.op, term.type, term.domain, term.attributes, constants, kinds)


def _runs(terms: tuple[Term, ...]) -> list[tuple[Term, ...]]:
    """Neighbours that are computed alike; inputs and the like, each alone."""
    runs: list[list[Term]] = []
    for term in terms:
        if runs and _alike(runs[-1][-1]) == _alike(term) and _alike(term)[0]:
            runs[-1].append(term)
        else:
            runs.append([term])
    return [tuple(run) for run in runs]


def _label_encoder(attributes: dict[str, Any], version: int) -> dict[str, Any]:
    """Version 1 numbers its texts from 0 by their place; later ones carry the numbers."""
    texts: tuple[str, ...] = attributes["texts"]
    if version == 1:
        return {"classes_strings": list(texts), "default_int64": len(texts)}
    return {"keys_strings": list(texts), "values_int64s": list(range(len(texts))), "default_int64": len(texts)}


def needs_ml(nodes: Sequence[onnx.NodeProto]) -> bool:
    return any(node.domain == ML for node in nodes)
