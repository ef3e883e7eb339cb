"""A server under siege: a supervisor with workers in processes of their own, moved by what stands in a file."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Self

import msgspec
import onnx
from onnx import TensorProto, helper

from arkwright.core.nouns import Column
from arkwright.core.signature import Features, Signature, Tensor

SERVE = """
import json, os, sys
from pathlib import Path
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes.supervisor import serve

folder, workers = Path(sys.argv[1]), int(sys.argv[2])
returned = None

def watch():
    global returned
    if returned is not None:  # whoever asks again has done what was said before
        (folder / "new").write_text(returned)
        os.replace(folder / "new", folder / "done")
    said = (folder / "said").read_text()
    if said == returned:
        return None
    returned = said
    _, version = json.loads(said)
    served = Served(folder / f"who@{version}", f"release:who@{version}", f"{version:02x}" * 32)
    return {"who": Routing((Share(served),))}

serve(watch, Serving(port=0, workers=workers), lambda address: print(address, flush=True))
"""
CODE = """
import os
import time
from dataclasses import dataclass

VERSION = {version}


@dataclass
class Call:
    work: float
    wait: float
    y: float


def who(call: Call) -> dict:
    if call.work == 666:
        os.kill(os.getpid(), 9)
    end = time.thread_time() + call.work / 1000
    while time.thread_time() < end:
        pass
    if call.wait:
        time.sleep(call.wait / 1000)
    return {{"pid": float(os.getpid()), "version": float(VERSION)}}
"""
_SIGNATURE = Signature(
    model="who",
    task="regression",
    target="y",
    columns=(Column(name="work", type="float"), Column(name="wait", type="float")),
    inputs=(Tensor(name="said", datatype="FP64", columns=("pid", "version")),),
    outputs=(Tensor(name="out", datatype="FP64"),),
    features=Features(file="code/call.py", function="who", takes="row"),
)


def release(folder: Path, version: int, *, code: bool = True) -> None:
    """One that answers with its process and its version, after as many milliseconds of work or waiting as it is told.

    Without code its graph gives back what it is sent, on the event loop.
    """
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "call.py").write_text(CODE.format(version=version))
    ports = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["n", 2]) for name in ("said", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["said"], ["out"])], "g", ports[:1], ports[1:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    plain = replace(
        _SIGNATURE,
        features=None,
        inputs=(Tensor(name="said", datatype="FP64", columns=("work", "wait")),),
    )
    (folder / "signature.json").write_bytes(msgspec.json.encode(_SIGNATURE if code else plain))


class Server:
    """Runs while the `with` block does."""

    def __init__(self, folder: Path, *, workers: int, code: bool = True) -> None:
        self.folder, self._workers, self._count = folder, workers, 0
        for version in (1, 2):
            release(folder / f"who@{version}", version, code=code)
        self.say(1)

    def say(self, version: int) -> None:
        self._count += 1
        (self.folder / "next").write_text(json.dumps([self._count, version]))
        (self.folder / "next").replace(self.folder / "said")

    def followed(self) -> bool:
        done = self.folder / "done"
        return done.exists() and done.read_text() == (self.folder / "said").read_text()

    def __enter__(self) -> Self:
        self.log = self.folder / "log"
        command = [sys.executable, "-c", SERVE, str(self.folder), str(self._workers)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout
        address = self.process.stdout.readline()
        if not address:
            raise RuntimeError(self.log.read_text())
        self.port = int(address.rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(90)
        finally:
            self.process.kill()
            self.process.communicate()

    def workers(self) -> list[int]:
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def megabytes(self) -> float:
        """Resident memory of all workers together."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers())
        return sum(pages) * os.sysconf("SC_PAGESIZE") / 2**20


def request(work: float = 0, wait: float = 0) -> bytes:
    body = json.dumps({"work": work, "wait": wait}).encode()
    return b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
