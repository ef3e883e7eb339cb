"""The Open Inference Protocol v2 over REST, with the binary tensor extension that Triton's clients speak."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any

import msgspec
import orjson

from arkwright.core.errors import did_you_mean
from arkwright.serve.model.graph import Port
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.oip_messages import InferRequest, InputTensor, OutputWish, Parameters
from arkwright.serve.model.requests import complete, fitting, input_port, output_port, supported, unguarded
from arkwright.serve.model.tensors import (
    Array,
    Datatype,
    Tensors,
    finite,
    from_binary,
    from_json,
    listed,
    odd_row,
    said,
    to_binary,
    unknown_field,
)
from arkwright.serve.traffic.batch import Batcher
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.mirror import TESTER
from arkwright.serve.wire.messages import JSON, Problem, Reply, Request, Response, json_response

_NOTHING = memoryview(b"")
HEADER = b"inference-header-content-length"
OCTETS = b"application/octet-stream"


_decoder = msgspec.json.Decoder(InferRequest)


def infer(lane: Lane, request: Request, body: bytes, reply: Reply, deadline: float) -> Job:
    """One inference request, ready to be computed. Raises Problem (400) for what cannot be tensors of this
    model, and for a model with safeguards: they judge raw rows, and tensors would go around them.
    """
    loaded = lane.loaded
    unguarded(loaded)
    asked, rest = _parse(request, body)
    copied = lane.shadow and TESTER not in request.headers  # of what somebody else was asked
    other = asked.model_version not in (None, "", loaded.version) and not copied
    if asked.model_name not in (None, loaded.endpoint) or other:
        raise Problem(400, f"the body names another model than the path, {loaded.endpoint} version {loaded.version}")
    if asked.parameters:
        deadline = min(deadline, _deadline(asked.parameters, lane.batcher))
    id_ = None if asked.id is msgspec.UNSET else asked.id
    finish = partial(respond, loaded, id_, _wishes(loaded, asked))
    inputs = _inputs(loaded, asked, rest)
    rows = max(len(array) for array in inputs.values())
    return Job(request, rows, fast=True, prepare=lambda: inputs, finish=finish, reply=reply, deadline=deadline)


def _deadline(parameters: Parameters, batcher: Batcher) -> float:
    """When the answer is of no use any more, by the parameter `timeout` in microseconds, as Triton's clients say it."""
    timeout = parameters.get("timeout", 0)
    if type(timeout) is not int or not 0 <= timeout < 2**63:
        raise Problem(400, "the parameter timeout is a whole number of microseconds, in 64 bits")
    return batcher.now() + timeout / 1e6 if timeout else inf


def _parse(request: Request, body: bytes) -> tuple[InferRequest, memoryview]:
    """The JSON part and the binary part behind it."""
    header = request.headers.get(HEADER)
    size = len(body)
    if header is not None:
        if not header.isdigit() or len(header) > 12 or not 0 < int(header) <= len(body):
            raise Problem(400, "Inference-Header-Content-Length must be the size of the JSON at the body's start")
        size = int(header)
    whole = size == len(body)
    try:
        asked = _decoder.decode(body if whole else body[:size])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, f"this is no inference request: {_told(said(error))}") from None
    return asked, _NOTHING if whole else memoryview(body)[size:]


def _told(text: str) -> str:
    unknown = unknown_field(text)
    if not unknown:
        return text
    path, name = unknown
    kind = InputTensor if path.startswith("$.inputs") else OutputWish if path.startswith("$.outputs") else InferRequest
    return f"{path}: unknown field {name!r}{did_you_mean(name, kind.__struct_fields__)}"


def _inputs(loaded: Loaded, asked: InferRequest, rest: memoryview) -> Tensors:
    found: Tensors = {}
    for tensor in asked.inputs:
        port = input_port(loaded.graph, tensor.name, tensor.datatype, found)
        found[tensor.name], rest = _input(tensor, port, rest)
    complete(loaded.graph, found)
    if len(rest):
        raise Problem(400, f"{len(rest)} bytes follow behind the last tensor")
    return found


def _input(tensor: InputTensor, port: Port, rest: memoryview) -> tuple[Array, memoryview]:
    parameters = tensor.parameters or {}
    supported(parameters)
    size = parameters.get("binary_data_size")
    data = bytes(tensor.data)
    if (size is None) == (not data):
        raise Problem(400, f"the input {port.name!r} needs either data or binary_data_size")
    if data:
        return fitting(port, from_json(port.name, data, port.kind, tensor.shape)), rest
    if type(size) is not int or not 0 <= size <= len(rest):
        raise Problem(400, f"binary_data_size of the input {port.name!r} is not in the body: {str(size)[:40]}")
    return fitting(port, from_binary(port.name, rest[:size], port.kind, tensor.shape)), rest[size:]


def _wishes(loaded: Loaded, asked: InferRequest) -> dict[str, bool]:
    """Which outputs are wanted, and whether as binary. Without a wish: every output."""
    by_default = _flag(asked.parameters or {}, "binary_data_output", default=False)
    if not asked.outputs:
        return dict.fromkeys(loaded.graph.outputs, by_default)
    wishes: dict[str, bool] = {}
    for wish in asked.outputs:
        output_port(loaded.graph, wish.name, wishes)
        parameters = wish.parameters or {}
        supported(parameters)
        wishes[wish.name] = _flag(parameters, "binary_data", default=by_default)
    return wishes


def _flag(parameters: Parameters, name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise Problem(400, f"the parameter {name} must be true or false")
    return value


def respond(loaded: Loaded, id_: str | None, wishes: Mapping[str, bool], outputs: Tensors) -> Response:
    """The answer; binary tensors behind the JSON when any was asked for. Raises Problem where JSON has no word."""
    described, tail = [], []
    for name, binary in wishes.items():
        array, kind = outputs[name], loaded.graph.outputs[name].kind
        tensor: dict[str, Any] = {"name": name, "datatype": kind.name, "shape": array.shape}
        if binary:
            data = to_binary(array, kind)
            tensor["parameters"] = {"binary_data_size": len(data)}
            tail.append(data)
        elif not finite(array):
            raise Problem(
                500,
                f"row {odd_row(array)} of the output {name!r} holds NaN or Infinity, which JSON cannot say; "
                "ask for binary_data",
            )
        else:
            tensor["data"] = listed(array, kind)
        described.append(tensor)
    answer: dict[str, Any] = {"model_name": loaded.endpoint, "model_version": loaded.version, "outputs": described}
    if id_ is not None:
        answer["id"] = id_
    if not tail:
        return json_response(answer, headers=loaded.headers)
    head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    length = b"Inference-Header-Content-Length: %d\r\n" % len(head)
    return Response(200, b"".join((head, *tail)), OCTETS, loaded.headers + length)


def request(loaded: Loaded, inputs: Tensors, wanted: Collection[str]) -> tuple[bytes, int]:
    """Tensors, to the bit, as a request of the binary extension whose answer is to be binary too; and how many of its
    bytes are JSON.
    """
    told, tail = _binary(loaded.graph.inputs, inputs)
    asked: dict[str, Any] = {"inputs": told, "parameters": {"binary_data_output": True}}
    if len(wanted) < len(loaded.graph.outputs):
        asked["outputs"] = [{"name": name} for name in wanted]
    return _framed(asked, tail)


def told(loaded: Loaded, names: Iterable[str], outputs: Tensors) -> tuple[bytes, int]:
    """The same of an answer."""
    tensors, tail = _binary(loaded.graph.outputs, {name: outputs[name] for name in names})
    return _framed({"model_name": loaded.endpoint, "model_version": loaded.version, "outputs": tensors}, tail)


def _binary(ports: Mapping[str, Port], tensors: Tensors) -> tuple[list[dict[str, Any]], list[bytes]]:
    tail = [to_binary(array, ports[name].kind) for name, array in tensors.items()]
    sized = zip(tensors.items(), map(len, tail), strict=True)
    return [_described(name, ports[name].kind, array, size) for (name, array), size in sized], tail


def _described(name: str, kind: Datatype, array: Array, size: int) -> dict[str, Any]:
    parameters = {"binary_data_size": size}
    return {"name": name, "datatype": kind.name, "shape": array.shape, "parameters": parameters}


def _framed(said: dict[str, Any], tail: Sequence[bytes]) -> tuple[bytes, int]:
    head = orjson.dumps(said)
    return b"".join((head, *tail)), len(head)


def metadata(loaded: Loaded) -> dict[str, Any]:
    """GET /v2/models/NAME."""

    def ports(found: Mapping[str, Port]) -> list[dict[str, Any]]:
        return [{"name": p.name, "datatype": p.kind.name, "shape": p.shown} for p in found.values()]

    return {
        "name": loaded.endpoint,
        "versions": [loaded.version],
        "platform": "onnxruntime_onnx" if loaded.graph.inputs else "arkwright_rules",
        "inputs": ports(loaded.graph.inputs),
        "outputs": ports(loaded.graph.outputs),
        "parameters": {"release": loaded.release, "digest": loaded.digest}
        | ({"safeguards": True, "infer": False} if loaded.guards else {}),
    }


def about(*, repository: bool) -> dict[str, Any]:
    """GET /v2."""
    from importlib.metadata import version  # few ask for it

    extensions = ["binary_tensor_data", *["model_repository"] * repository]
    return {"name": "arkwright", "version": version("arkwright"), "extensions": extensions}


CONTENT_TYPES = (JSON, OCTETS)
