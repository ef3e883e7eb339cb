"""The ONNX graph of a release and what it takes and gives."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arkwright.core import onnx_guard
from arkwright.core.errors import Invalid, Missing
from arkwright.serve.model.signed import Signed
from arkwright.serve.model.slices import SLICE, cut, joined, slices
from arkwright.serve.model.tensors import BY_ONNX, Array, Datatype, Tensors
from arkwright.serve.model.trees.forest import Forest, forest

log = logging.getLogger("arkwright.serve")
MOST = 4096  # rows of one run
_PREFERRED = ("CUDAExecutionProvider", "CPUExecutionProvider")


def runtime() -> Any:
    """Imported late: it starts a thread, and a process that workers are forked from may have none."""
    import onnxruntime

    return onnxruntime


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output of the graph. A dimension of None may have any size; the first counts the rows."""

    name: str
    kind: Datatype
    shape: tuple[int | None, ...]

    def fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(
            mine is None or mine == theirs for mine, theirs in zip(self.shape, shape, strict=True)
        )

    @property
    def shown(self) -> list[int]:
        """The shape as the protocol writes it: -1 where any size will do."""
        return [-1 if size is None else size for size in self.shape]


class Graph:
    """A session on one thread: the server's workers are the parallelism.

    `row_seconds`: what one row took when it was tried, 0 before. `counts` says whether every input and output counts
    its rows first; `batches` whether rows of several requests may go in one run: besides, none of them changes the
    answer to another. Where only the first is so, each row is computed by itself.
    """

    def __init__(self, path: Path, signed: Signed | None = None) -> None:
        """Raises Missing without the file, Refused when it holds what no release may, like tensors in other files, and
        Invalid when no session takes it.
        """
        try:
            data = (signed or Signed(path.parent, None)).read(path.name)
        except OSError:
            raise Missing(f"{path.parent.name} holds no {path.name}; release a model in the ONNX format") from None
        operators = onnx_guard.check_bytes(data, path.name)
        ort = runtime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        for setting in onnx_guard.settings(operators).items():
            options.add_session_config_entry(*setting)
        try:
            self._session = ort.InferenceSession(data, options, providers=_providers())
        except Exception as error:  # noqa: BLE001 - onnxruntime has no public class for its errors
            raise Invalid(f"{path.name} cannot be loaded: {str(error).splitlines()[0][:300]}") from None
        self.row_seconds = 0.0
        self.inputs: Mapping[str, Port] = _ports(self._session.get_inputs())
        self.outputs: Mapping[str, Port] = _ports(self._session.get_outputs())
        self._names = list(self.outputs)
        everything = (*self.inputs.values(), *self.outputs.values())
        self.counts = self.batches = all(port.shape and port.shape[0] is None for port in everything)
        if self.counts and onnx_guard.mixes_rows(operators):
            log.warning("%s quantises the rows of a run by one scale: each row is computed by itself", path.name)
            self.batches = False
        self._has_texts = any(port.kind.python is str for port in everything)
        widths = {port.name: _width(port) for port in self.inputs.values()}
        self._forest: Forest | None = forest(data, widths, self._run_session)

    def run(self, inputs: Tensors) -> Tensors:
        """Every output for these inputs. Raises what onnxruntime raises."""
        if self.counts and not self.batches and (rows := len(next(iter(inputs.values())))) > 1:
            with suppress(ValueError):  # it does not give a row for each: then they are one question
                return joined((self._run(cut(inputs, part)) for part in slices(rows, 1)), rows)
        return self._run(inputs)

    def _run(self, inputs: Tensors) -> Tensors:
        return self._run_session(inputs) if self._forest is None else self._forest(inputs)

    def _run_session(self, inputs: Tensors) -> Tensors:
        arrays: list[Array] = self._session.run(self._names, inputs)
        return dict(zip(self._names, arrays, strict=True))

    def run_many(self, inputs: Tensors) -> Tensors:
        """The same of any number of rows: many in slices, if rows may be divided, for the runtime keeps the memory of
        its largest run. Texts become the graph's own and come back while nothing else goes on in this process, so
        fewer of them at once. Raises what onnxruntime raises.
        """
        rows, most = len(next(iter(inputs.values()))), SLICE if self._has_texts else MOST
        if rows <= most or not self.batches:
            return self.run(inputs)
        try:
            return joined((self.run(cut(inputs, part)) for part in slices(rows, most)), rows)
        except ValueError:  # it does not give a row for each
            return self.run(inputs)


class NoGraph(Graph):
    """Of a model of rules: they answer every row, so nothing is ever run."""

    def __init__(self) -> None:
        self.inputs, self.outputs, self.row_seconds = {}, {}, 0.0
        self.counts = self.batches = False

    def run(self, inputs: Tensors) -> Tensors:
        raise Invalid(f"a model of rules takes no tensors, such as {', '.join(inputs) or 'none'}")


def _providers() -> list[str]:
    """A GPU first where this onnxruntime can use one; what it cannot run there runs on the processor."""
    return [name for name in _PREFERRED if name in runtime().get_available_providers()]


def _width(port: Port) -> int | None:
    """How many floats a row of it is; None where it is not a row of floats."""
    return port.shape[1] if len(port.shape) == 2 and port.kind.name == "FP32" else None


def _ports(nodes: Any) -> dict[str, Port]:
    ports = {}
    for node in nodes:
        if node.type not in BY_ONNX:
            raise Invalid(
                f"model.onnx has {node.name!r} of {node.type}, which no protocol can carry; use plain tensors"
            )
        shape = tuple(size if isinstance(size, int) else None for size in node.shape)
        ports[node.name] = Port(node.name, BY_ONNX[node.type], shape)
    return ports
