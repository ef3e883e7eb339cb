"""The project's `features` function inside the model's graph: serving then needs no Python and no polars.

What cannot be done exactly is refused with the reason, and the function stays beside the graph.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import TensorProto, helper

from arkwright.core.errors import did_you_mean
from arkwright.core.rows import Field
from arkwright.core.signature import Tensor
from arkwright.core.usercode import describe
from arkwright.optimize.fusion import plan, record
from arkwright.optimize.fusion.emit import Writer
from arkwright.optimize.fusion.nodes import Translator, datatype, output
from arkwright.optimize.fusion.proof import prove
from arkwright.optimize.fusion.refusal import NotFusable
from arkwright.optimize.fusion.terms import DOUBLE, FLOAT, ML, Term, Terms

__all__ = ["Fused", "NotFusable", "fuse"]

_OLDEST = 13  # operator set: Unsqueeze takes its axes as an input since then
_NEWEST_ML = 3


@dataclass(frozen=True)
class Fused:
    """The whole model, and one tensor of shape (rows,) for each raw column that it takes."""

    model: onnx.ModelProto
    inputs: tuple[Tensor, ...]


def fuse(
    model: onnx.ModelProto,
    function: Callable[..., Any],
    fields: Sequence[Field],
    input_name: str,
    columns: Sequence[str],
) -> Fused:
    """`model` with `function` in front: it takes raw columns of shape (rows,) and gives what `model` gives.

    `model` takes one tensor `input_name` of (rows, len(columns)), float or double: the feature columns in that order.
    `fields` are the raw row's, without the target; `function` takes a polars frame of them and is called here, on a
    stand-in that records and on made-up rows. A null becomes NaN. Columns that nothing uses are no inputs.

    Raises NotFusable, one line, when the function does what a graph cannot do exactly.
    """
    try:
        return _fused(model, function, fields, input_name, columns)
    except NotFusable:
        raise
    except Exception as error:  # polars' plan is no public interface, and a model must not fail by it
        raise NotFusable(f"features() could not be put into the graph: {describe(error)}") from error


def _fused(
    model: onnx.ModelProto,
    function: Callable[..., Any],
    fields: Sequence[Field],
    input_name: str,
    columns: Sequence[str],
) -> Fused:
    element, known = _element(model, input_name), {field.name: field for field in fields}
    steps = plan.columns(record.record(function, fields))
    for name in columns:
        if name not in steps:
            raise NotFusable(f"features() makes no {name!r}, which the model takes{did_you_mean(name, steps)}")
    terms = Terms()
    translator = Translator(terms, known)
    made = [output(terms, name, translator.value(steps[name]), element) for name in columns]
    prefix = _prefix(model)
    writer = Writer(prefix, _operators(model))
    writer.matrix(_of_all_rows(terms, made), f"{prefix}matrix")
    used = [field for field in fields if field.name in writer.inputs]
    takes = [helper.make_tensor_value_info(field.name, datatype(field)[1], ["N"]) for field in used]
    gives = helper.make_tensor_value_info(f"{prefix}matrix", element, ["N", len(columns)])
    prove(_alone(model, writer, takes, gives), function, fields, used, columns, [steps[name] for name in columns])
    inputs = tuple(Tensor(name=field.name, datatype=datatype(field)[0]) for field in used)
    return Fused(_joined(model, writer, takes, input_name), inputs)


def _element(model: onnx.ModelProto, input_name: str) -> int:
    """The element type of the model's one input. Raises NotFusable for a model of another form."""
    kept = {tensor.name for tensor in model.graph.initializer}
    takes = {value.name: value for value in model.graph.input if value.name not in kept}
    if set(takes) != {input_name}:
        raise NotFusable(f"the model takes {', '.join(sorted(takes)) or 'nothing'}, not {input_name!r} alone")
    element = takes[input_name].type.tensor_type.elem_type
    if element not in (FLOAT, DOUBLE):
        raise NotFusable(f"the model takes {TensorProto.DataType.Name(element)}, and features are floats")
    return int(element)


def _operators(model: onnx.ModelProto) -> int:
    """The version of ONNX's machine-learning operators. Raises NotFusable for operators older than we write."""
    versions = {opset.domain or "ai.onnx": opset.version for opset in model.opset_import}
    if versions.get("ai.onnx", 0) < _OLDEST:
        raise NotFusable(
            f"the model is of operator set {versions.get('ai.onnx', 0)}; export it with {_OLDEST} or later"
        )
    return int(versions.get(ML, _NEWEST_ML))


def _prefix(model: onnx.ModelProto) -> str:
    """What no name in the model begins with."""
    taken, prefix = _names(model), "features_"
    while any(name.startswith(prefix) for name in taken):
        prefix = "_" + prefix
    return prefix


def _names(model: onnx.ModelProto) -> set[str]:
    graph = model.graph
    named = {name for node in graph.node for name in (*node.input, *node.output)}
    return named | {value.name for value in (*graph.input, *graph.output, *graph.initializer)}


def _of_all_rows(terms: Terms, made: list[Term]) -> list[Term]:
    """A column of one literal, as long as the others."""
    rows = next((inner for term in made if not term.fixed for inner in _inputs(term)), None)
    if rows is None:
        raise NotFusable("features() uses no column of a row")
    return [
        terms("Expand", term, terms("Shape", rows, kind=7), kind=term.type) if term.fixed else term for term in made
    ]


def _inputs(term: Term) -> list[Term]:
    if term.op == "Input":
        return [term]
    return next((found for inner in term.inputs if not inner.fixed and (found := _inputs(inner))), [])


def _alone(
    model: onnx.ModelProto, writer: Writer, takes: list[onnx.ValueInfoProto], gives: onnx.ValueInfoProto
) -> onnx.ModelProto:
    """The features without the model, to be compared with the function."""
    graph = helper.make_graph(writer.nodes, "features", takes, [gives], writer.initializers)
    return helper.make_model(graph, opset_imports=_opsets(model, writer), ir_version=model.ir_version)


def _joined(
    model: onnx.ModelProto, writer: Writer, takes: list[onnx.ValueInfoProto], input_name: str
) -> onnx.ModelProto:
    fused = onnx.ModelProto()
    fused.CopyFrom(model)
    graph = fused.graph
    _rename(graph, {input_name: writer.nodes[-1].output[0]})
    _make_room(graph, {value.name for value in takes})
    kept = [value for value in graph.input if value.name != input_name]  # initializers that old models list as inputs
    nodes = [*writer.nodes, *graph.node]
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.extend([*takes, *kept])
    graph.initializer.extend(writer.initializers)
    del fused.opset_import[:]
    fused.opset_import.extend(_opsets(model, writer))
    onnx.checker.check_model(fused)
    return fused


def _make_room(graph: onnx.GraphProto, wanted: set[str]) -> None:
    """Rename what inside the model is called like a raw column. Raises NotFusable when an output is."""
    outputs = wanted & {value.name for value in graph.output}
    if outputs:
        raise NotFusable(f"the column {min(outputs)!r} is called like an output of the model; rename it")
    inside = {name for node in graph.node for name in (*node.input, *node.output)}
    inside |= {tensor.name for tensor in graph.initializer}
    new = {name: f"model_{name}" for name in sorted(wanted & inside)}
    while set(new.values()) & (inside | wanted):
        new = {name: f"_{other}" for name, other in new.items()}
    _rename(graph, new)


def _rename(graph: onnx.GraphProto, new: dict[str, str]) -> None:
    """Everywhere in the graph and in the bodies inside it, but not its inputs and outputs."""
    for node in graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
        for attribute in node.attribute:
            for body in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _rename(body, new)
    for part in (*graph.initializer, *graph.value_info):
        part.name = new.get(part.name, part.name)


def _opsets(model: onnx.ModelProto, writer: Writer) -> list[onnx.OperatorSetIdProto]:
    """Each domain once: some converters name one twice."""
    found = {opset.domain: opset.version for opset in model.opset_import}
    if any(node.domain == ML for node in writer.nodes):
        found.setdefault(ML, _NEWEST_ML)
    return [helper.make_opsetid(domain, version) for domain, version in found.items()]
