"""Whether a graph answers a row otherwise beside others, as it shows on rows that are made up.

It is a trial, no proof: a graph may let rows alone that are like these and mix others.
"""

from math import prod

import numpy as np

from arkwright.serve.model.graph import Graph, Port
from arkwright.serve.model.slices import cut, slices
from arkwright.serve.model.tensors import Array

ROWS = 2  # that are like each other
_FAR = 1000.0  # times as large is the one behind them: what is found for a run is found for this row
_SAME = 0.01  # of the largest answer: far more than comes of adding up in another order


def mixes_rows(graph: Graph) -> bool:
    """Raises what onnxruntime raises, for rows that the graph does not take."""
    rows = {name: _made(port, number) for number, (name, port) in enumerate(graph.inputs.items())}
    together = graph.run(rows)
    alone = [graph.run(cut(rows, part)) for part in slices(ROWS, 1)]
    return any(
        array.dtype.kind == "f" and not _same(np.concatenate([one[name] for one in alone]), array)
        for name, array in together.items()
    )


def _made(port: Port, number: int) -> Array:
    """Rows (ROWS + 1, ...), others for each `number`. Only floats differ: a whole number may be a place in a table, and
    a text one of few.
    """
    shape = (ROWS + 1, *(size or 1 for size in port.shape[1:]))
    if port.kind.python is not float:
        return np.full(shape, "" if port.kind.python is str else 0, port.kind.dtype)
    # nothing at random: that would be another 10 ms of imports
    values = np.sin(np.arange(prod(shape)) + 0.7 * number).reshape(shape)
    values[-1] *= _FAR
    made: Array = values.astype(port.kind.dtype)
    return made


def _same(alone: Array, together: Array) -> bool:
    """Of the rows that are like each other; also where there is no answer for each row."""
    if (len(alone), len(together)) != (ROWS, ROWS + 1):
        return True
    size = np.abs(alone[np.isfinite(alone)]).max(initial=np.finfo(alone.dtype).tiny)
    return np.allclose(alone, together[:ROWS], rtol=0, atol=_SAME * size, equal_nan=True)
