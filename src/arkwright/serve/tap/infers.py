"""The tensors of an inference request or answer as JSON text, binary ones too."""

from typing import Any

import msgspec
import orjson

from arkwright.serve.model.tensors import DATATYPES, from_binary
from arkwright.serve.wire.messages import Problem


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: msgspec.Raw = msgspec.Raw()


class _Asked(msgspec.Struct):  # its `outputs` are wishes
    inputs: list[_Tensor] = []


class _Answered(msgspec.Struct):
    outputs: list[_Tensor] = []


_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    "inputs": msgspec.json.Decoder(_Asked),
    "outputs": msgspec.json.Decoder(_Answered),
}


def tensors(body: bytes, head: int, which: str) -> str | None:
    """`inputs` of a request or `outputs` of an answer; null for NaN, and None when the bytes hold no tensors."""
    try:
        found: list[_Tensor] = getattr(_decoders[which].decode(body[: head or None]), which)
        rest = memoryview(body)[head or len(body) :]
        said = []
        for tensor in found:
            size = tensor.parameters.get("binary_data_size")
            about: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
            if size is not None:
                array = from_binary(tensor.name, rest[:size], DATATYPES[tensor.datatype], tensor.shape)
                about["data"] = array.reshape(-1).tolist()
                rest = rest[size:]
            elif bytes(tensor.data):
                about["data"] = orjson.Fragment(bytes(tensor.data))
            said.append(about)
        return orjson.dumps(said).decode() if said else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Problem, KeyError, TypeError, ValueError):
        return None
