"""Make protos.desc, the descriptors that the gRPC server reads, of the .proto files beside it. Needs grpcio-tools."""

import sys
from pathlib import Path

from grpc_tools import protoc

FOLDER = Path(__file__).resolve().parents[1] / "src" / "arkwright" / "serve" / "grpc"


def main(target: Path) -> int:
    files = sorted(path.name for path in FOLDER.glob("*.proto"))
    return protoc.main(["protoc", f"--proto_path={FOLDER}", f"--descriptor_set_out={target}", *files])


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "protos.desc"))
