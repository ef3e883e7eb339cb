"""The messages are what the .proto files say, and what the clients of others have."""

import importlib.util
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2
from tritonclient.grpc import service_pb2

from arkwright.serve.grpc.messages import CLASSES

ROOT = Path(__file__).parents[3]
COMMITTED = ROOT / "src" / "arkwright" / "serve" / "grpc" / "protos.desc"


def test_the_descriptors_are_what_the_proto_files_say(tmp_path):
    spec = importlib.util.spec_from_file_location("protos", ROOT / "scripts" / "protos.py")
    protos = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(protos)
    assert protos.main(tmp_path / "made.desc") == 0
    made, committed = (
        descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()) for path in (tmp_path / "made.desc", COMMITTED)
    )
    assert committed == made, "run scripts/protos.py"


def described(descriptor):
    found = {}
    for field in descriptor.fields:
        inner = field.message_type
        kind = (inner.full_name, described(inner)) if inner is not None else field.type
        found[field.number] = (field.name, kind, field.is_repeated)
    return found


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_the_numbers_of_the_fields_are_those_of_other_peoples_clients(name):
    theirs = health_pb2 if name.startswith("Health") else service_pb2
    assert described(CLASSES[name].DESCRIPTOR) == described(theirs.DESCRIPTOR.message_types_by_name[name])
    assert CLASSES[name].DESCRIPTOR.file.package == theirs.DESCRIPTOR.package


def test_the_messages_are_in_a_pool_of_their_own():
    common = descriptor_pool.Default().FindMessageTypeByName("inference.ModelInferRequest")
    assert common is service_pb2.ModelInferRequest.DESCRIPTOR
    assert common is not CLASSES["ModelInferRequest"].DESCRIPTOR
