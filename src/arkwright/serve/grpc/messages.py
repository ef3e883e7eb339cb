"""The protocol's messages, and what HTTP statuses are called here.

They live in a descriptor pool of their own: the clients of other inference servers bring the same package `inference`
into protobuf's common pool, and one process may hold both.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from arkwright.serve.wire.messages import Problem

Message = Any
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    431: grpc.StatusCode.RESOURCE_EXHAUSTED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def code(status: int) -> grpc.StatusCode:
    """What gRPC calls the status of a Problem."""
    return _CODES.get(status, grpc.StatusCode.INTERNAL)


def _classes() -> Mapping[str, type[Message]]:
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(Path(__file__).with_name("protos.desc").read_bytes()).file
    found = {}
    for file in files:
        pool.Add(file)
        for message in file.message_type:
            descriptor = pool.FindMessageTypeByName(f"{file.package}.{message.name}")
            found[message.name] = message_factory.GetMessageClass(descriptor)
    return found


CLASSES = _classes()


def read(name: str, body: bytes) -> Message:
    """The message of this name. Raises Problem (400) for bytes that are none."""
    try:
        return CLASSES[name].FromString(body)
    except DecodeError:
        raise Problem(400, f"the bytes are no {name}") from None


def write(message: str, /, **fields: object) -> bytes:
    return bytes(CLASSES[message](**fields).SerializeToString())
