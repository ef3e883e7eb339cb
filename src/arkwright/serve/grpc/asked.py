"""A ModelInferRequest, read: its message and its tensors."""

from collections.abc import Sequence
from math import inf

import msgspec

from arkwright.serve.grpc.contents import Pieces, from_pieces, parted
from arkwright.serve.grpc.messages import Message, read
from arkwright.serve.grpc.tensors import MOST_FIELDS, from_contents, split, too_many
from arkwright.serve.model.graph import Graph, Port
from arkwright.serve.model.requests import complete, fitting, input_port, output_port, supported
from arkwright.serve.model.tensors import MOST_DIMENSIONS, Array, Tensors, from_binary
from arkwright.serve.wire.messages import Problem


class Asked(msgspec.Struct, eq=False):
    """`raws`: its raw tensors. Of a long message `pieces` say where in `body` the typed contents of each input are."""

    message: Message
    raws: Sequence[bytes | memoryview]
    body: bytes = b""
    pieces: Sequence[Pieces] = ()

    @classmethod
    def of(cls, body: bytes, *, long: bool) -> "Asked":
        """Raises Problem (400) for bytes that are no such message. `long`: it is read on a thread, in pieces."""
        if not long:  # a copy of its tensors costs less than a look at each field
            message = read("ModelInferRequest", body)
            raws = message.raw_input_contents
            if len(raws) + len(message.inputs) + len(message.outputs) + len(message.parameters) > MOST_FIELDS:
                raise too_many()
            return cls(message, raws)
        rest, views = split(body)
        message, pieces = parted(rest)
        return cls(message, views, rest, pieces)

    def inputs(self, graph: Graph) -> Tensors:
        """The graph's inputs. Raises Problem (400)."""
        if self.raws and len(self.raws) != len(self.message.inputs):
            had, inputs = len(self.raws), len(self.message.inputs)
            raise Problem(400, f"raw_input_contents has {had} elements for {inputs} inputs")
        found: Tensors = {}
        for i, tensor in enumerate(self.message.inputs):
            port = input_port(graph, tensor.name, tensor.datatype, found)
            supported(tensor.parameters)
            found[port.name] = fitting(port, self._input(i, tensor, port))
        return complete(graph, found)

    def _input(self, i: int, tensor: Message, port: Port) -> Array:
        shape = list(tensor.shape[: MOST_DIMENSIONS + 1])
        pieces = self.pieces[i] if self.pieces else ()
        if self.raws:
            if pieces or tensor.HasField("contents"):
                both = "contents beside raw_input_contents; send one of them"
                raise Problem(400, f"the input {port.name!r} has {both}")
            return from_binary(port.name, self.raws[i], port.kind, shape)
        if pieces:
            return from_pieces(port.name, self.body, pieces, port.kind, shape)
        return from_contents(port.name, tensor.contents, port.kind, shape)

    def wanted(self, graph: Graph) -> Sequence[str]:
        """The outputs that are asked for; without a wish every output. Raises Problem (400)."""
        if not self.message.outputs:
            return list(graph.outputs)
        wanted: list[str] = []
        for output in self.message.outputs:
            supported(output.parameters)
            wanted.append(output_port(graph, output.name, wanted).name)
        return wanted

    def timeout(self) -> float:
        """The parameter `timeout` in seconds: Triton's clients say it in microseconds, and 0 for none."""
        parameters = self.message.parameters
        if "timeout" not in parameters:
            return inf
        given = parameters["timeout"]
        value = getattr(given, given.WhichOneof("parameter_choice") or "string_param")
        if type(value) is not int or value < 0:
            raise Problem(400, "the parameter timeout is a whole number of microseconds")
        return value / 1e6 or inf
