"""The Open Inference Protocol over gRPC: ModelInferRequest and ModelInferResponse, spelt by hand as protobuf."""

import sys
from collections.abc import Iterator

import numpy as np
from serving.contenders import APPS, Ask


def v2_grpc(model: str, tensor: str) -> Ask:
    """One FP32 tensor in raw_input_contents, as every client library sends it."""

    def request(rows: np.ndarray) -> bytes:
        described = field(1, tensor.encode()) + field(2, b"FP32") + field(3, b"".join(varint(n) for n in rows.shape))
        return field(1, model.encode()) + field(5, described) + field(7, rows.astype("<f4").tobytes())

    return Ask(request, values, (sys.executable, str(APPS / "grpc_load.py")))


def values(answer: bytes) -> list[float]:
    """The numbers of the first output, raw or typed."""
    found = list(fields(answer))
    raw = [data for number, data in found if number == 6]
    if not raw:
        output = next(data for number, data in found if number == 5)
        contents = next(data for number, data in fields(output) if number == 5)
        raw = [data for number, data in fields(contents) if number == 6]
    return np.frombuffer(raw[0], "<f4").tolist()


def varint(value: int) -> bytes:
    said = bytearray()
    while value > 127:
        said.append(value & 127 | 128)
        value >>= 7
    return bytes([*said, value])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message; varints are passed over."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        size = number()
        if key & 7 == 2:
            yield key >> 3, data[at : at + size]
            at += size
