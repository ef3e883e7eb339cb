"""What is checked of every inference request, whatever protocol it came in."""

from collections.abc import Iterable

from arkwright.core.errors import did_you_mean
from arkwright.serve.model.graph import Graph, Port
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.tensors import DATATYPES, Array, Tensors
from arkwright.serve.wire.messages import Problem

_UNSUPPORTED = ("shared_memory_region", "classification")


def unguarded(loaded: Loaded) -> None:
    """Raises Problem (400) for a model with safeguards: they judge raw rows, and tensors would go around them."""
    if loaded.guards is not None:
        what = "has safeguards" if loaded.graph.inputs else "is made of rules"
        to = f"/endpoints/{loaded.endpoint}/predict"
        raise Problem(400, f"{loaded.endpoint} {what}, which judge raw rows, not tensors; post rows to {to}")


def input_port(graph: Graph, name: str, datatype: str, found: Tensors) -> Port:
    """The graph's input of this name. Raises Problem (400): no such input, given twice, or of another datatype."""
    port = graph.inputs.get(name)
    if port is None:
        raise Problem(400, f"the model has no input {name[:80]!r}{did_you_mean(name[:80], graph.inputs)}")
    if name in found:
        raise Problem(400, f"the input {name[:80]!r} is given twice")
    if datatype != port.kind.name:
        known = "" if datatype in DATATYPES else did_you_mean(datatype[:20], DATATYPES)
        raise Problem(400, f"the input {name!r} is {port.kind.name}, not {datatype[:20]!r}{known}")
    return port


def fitting(port: Port, array: Array) -> Array:
    """The array. Raises Problem (400) when the graph takes another shape."""
    if not port.fits(array.shape):
        raise Problem(400, f"the input {port.name!r} is shaped {list(array.shape)}; the model takes {port.shown}")
    return array


def complete(graph: Graph, found: Tensors) -> Tensors:
    """The inputs. Raises Problem (400) when one is missing, or they have different numbers of rows."""
    for name in graph.inputs:
        if name not in found:
            raise Problem(400, f"the input {name!r} is missing")
    if graph.counts and len({len(array) for array in found.values()}) != 1:
        raise Problem(400, "the inputs have different numbers of rows")
    return found


def output_port(graph: Graph, name: str, wanted: Iterable[str]) -> Port:
    """The graph's output of this name. Raises Problem (400): no such output, or asked for twice."""
    port = graph.outputs.get(name)
    if port is None:
        raise Problem(400, f"the model has no output {name[:80]!r}{did_you_mean(name[:80], graph.outputs)}")
    if name in wanted:
        raise Problem(400, f"the output {name[:80]!r} is asked for twice")
    return port


def supported(parameters: Iterable[str]) -> None:
    """Raises Problem (400) for a parameter of a tensor that changes its meaning and is not known here."""
    for name in _UNSUPPORTED:
        if name in parameters:
            raise Problem(400, f"the parameter {name} is not supported")
