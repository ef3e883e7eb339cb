"""A server under siege: the one of the tests, with releases that say who answered and work as long as they are told."""

import json
import os
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from arkwright.core.nouns import Column
from arkwright.core.signature import Features, Signature, Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.serve.conftest import proto, value, write
from tests.serve.supervised import Supervised

SINES = 500  # of 256 numbers, for each row
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
    features=Features(file="code/flights.py", function="who", takes="row"),
)


def release(folder: Path, version: int, *, code: bool = True) -> Path:
    """One that answers with its process and its version, after as many milliseconds of work or waiting as it is told.

    Without code its graph works for most of a millisecond a row, on the event loop as long as they come one by one.
    """
    said = Tensor(name="said", datatype="FP64", columns=("work", "wait"))
    signature = _SIGNATURE if code else replace(_SIGNATURE, features=None, inputs=(said,))
    ports = [[value(name, TensorProto.DOUBLE, ["n", 2])] for name in ("said", "out")]
    model = proto(*ports, [helper.make_node("Identity", ["said"], ["out"])] if code else _work())
    return write(folder, signature, model, CODE.format(version=version))


def _work() -> list[NodeProto]:
    """Sines of sines: as much for each row of a batch as for one alone, like the trees of a large ensemble."""
    wide, narrow = np.ones((2, 256)), np.full((256, 2), 1 / 256)
    names = [f"sine{i}" for i in range(SINES + 1)]
    return [
        helper.make_node("Constant", [], ["wide"], value=numpy_helper.from_array(wide)),
        helper.make_node("Constant", [], ["narrow"], value=numpy_helper.from_array(narrow)),
        helper.make_node("MatMul", ["said", "wide"], [names[0]]),
        *(helper.make_node("Sin", [one], [other]) for one, other in pairwise(names)),
        helper.make_node("MatMul", [names[-1], "narrow"], ["out"]),
    ]


class Server(Supervised):
    """Serves the first of two versions of `who` while the `with` block runs."""

    def __init__(self, folder: Path, *, workers: int, code: bool = True, **how: float) -> None:
        """`how`: words of `Serving`."""
        folder.mkdir(exist_ok=True)
        self._releases = {version: release(folder / f"who@{version}", version, code=code) for version in (1, 2)}
        self._logs = {"who": {"folder": str(folder / "predictions")}}  # as in production
        super().__init__(folder, self._traffic(1), self._logs, workers=workers, **how)

    def turn_to(self, version: int) -> None:
        """Serve another version from now on; `followed` says when it is so."""
        self.say(self._traffic(version), self._logs)

    def megabytes(self) -> float:
        """Resident memory of all workers together."""
        pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.workers())
        return sum(pages) * os.sysconf("SC_PAGESIZE") / 2**20

    def _traffic(self, version: int) -> dict[str, list[tuple[Path, int, float]]]:
        return {"who": [(self._releases[version], version, 1.0)]}


def request(work: float = 0, wait: float = 0) -> bytes:
    body = json.dumps({"work": work, "wait": wait}).encode()
    return b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
