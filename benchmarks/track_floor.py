"""A server that keeps nothing and answers MLflow's client at once: what is left is the client's own time.

python benchmarks/track_floor.py FOLDER --port 5000     # FOLDER/SIZE and FOLDER/SIZE-filtered: answers to searches
"""

import asyncio
import sys
from pathlib import Path
from typing import ClassVar

import httptools
import msgspec
import uvloop

NAME = "0" * 32
INFO = {"run_id": NAME, "run_uuid": NAME, "run_name": "x", "experiment_id": "0", "user_id": "ana", "status": "RUNNING",
        "start_time": 1, "artifact_uri": "mlflow-artifacts:/0/x/artifacts", "lifecycle_stage": "active"}  # fmt: skip
RUN = msgspec.json.encode({"run": {"info": INFO, "data": {}}})
EXPERIMENT = msgspec.json.encode(
    {"experiment": {"experiment_id": "1", "name": "many", "lifecycle_stage": "active", "artifact_location": "x"}}
)


class AtOnce(asyncio.Protocol):
    """One connection. `found`: answers to searches."""

    found: ClassVar[dict[str, bytes]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.parser = transport, httptools.HttpRequestParser(self)
        self.url, self.parts = b"", []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url, self.parts = url, []

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        said = self.answer()
        self.transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said)
        )

    def answer(self) -> bytes:
        if b"/runs/create" in self.url:
            return RUN
        if b"/experiments/" in self.url:
            return EXPERIMENT
        if b"/runs/search" in self.url:
            asked = msgspec.json.decode(b"".join(self.parts))
            return self.found[str(asked["max_results"]) + ("-filtered" if asked.get("filter") else "")]
        return b"{}"


def answers(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0].isdigit()}


async def main() -> None:
    AtOnce.found = answers(Path(sys.argv[1]))
    server = await asyncio.get_running_loop().create_server(AtOnce, "127.0.0.1", int(sys.argv[3]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
