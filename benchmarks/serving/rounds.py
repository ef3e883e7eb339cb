"""Interleaved rounds: every server is up, and in each round each is asked for a moment, one after the other."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from serving import load, processes
from serving.contenders import Ask, Contender
from serving.load import Window
from serving.project import rows


@dataclass(frozen=True, slots=True)
class Workload:
    """So many rows a request, so many connections; `different` requests are sent in turn."""

    title: str
    rows: int
    connections: int
    different: int = 4096


ONE = Workload("one row, 16 connections", 1, 16)
MANY = Workload("one row, 64 connections", 1, 64)
ALONE = Workload("one row, 1 connection", 1, 1)
HUNDRED = Workload("100 rows, 16 connections", 100, 16, 512)


@dataclass(frozen=True, slots=True)
class Up:
    """A server that listens."""

    contender: Contender
    port: int
    process: "subprocess.Popen[bytes]"
    pids: tuple[int, ...]


class Bench:
    """Where things lie, and the answers that are right. `folder` is for requests and logs, `peers` for environments."""

    def __init__(self, folder: Path, peers: Path, model: Path) -> None:
        import onnxruntime as ort

        self.folder, self.peers, self.model = folder, peers, model
        self.program = load.compiled(folder)
        self._session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        self.tensor = self._session.get_inputs()[0].name
        self._right: dict[tuple[int, int], np.ndarray] = {}

    def table(self, workload: Workload) -> np.ndarray:
        """The rows of its requests: [different, rows, 30]."""
        return rows(workload.rows * workload.different).reshape(workload.different, workload.rows, -1)

    def right(self, workload: Workload) -> np.ndarray:
        """The answers to them: [different, rows]."""
        key = workload.rows, workload.different
        if key not in self._right:
            table = self.table(workload).reshape(-1, 30).astype(np.float32)
            self._right[key] = self._session.run(None, {self.tensor: table})[0].reshape(key[1], key[0])
        return self._right[key]

    def requests(self, name: str, ask: Ask, workload: Workload) -> Path:
        """Written once for each server and shape."""
        path = self.folder / f"{name}-{workload.rows}x{workload.different}.requests"
        return load.write(path, (ask.request(part) for part in self.table(workload)))

    def start(self, contender: Contender) -> Up:
        """Raises RuntimeError when it does not come up."""
        home, port = contender.home(self.peers), processes.free_port()
        log = self.folder / f"{contender.name}.log"
        environment = {"MODEL": str(self.model), "PORT": str(port)}
        words = contender.words(home, self.model, port)
        process = processes.start(words, home if home.exists() else self.folder, log, environment)
        try:
            processes.wait_until_listening(process, port, log)
        except RuntimeError:
            processes.stop(process)
            raise
        return Up(contender, port, process, tuple(processes.tree(process.pid)))

    def window(
        self,
        up: Up,
        ask: Ask,
        requests: Path,
        workload: Workload,
        seconds: float,
        *,
        connections: int = 0,
        rate: float | None = None,
    ) -> Window:
        right = self.right(workload)

        def check(number: int, body: bytes) -> None:
            if ask.values is not None and not np.allclose(ask.values(body), right[number], rtol=1e-4, atol=1e-4):
                raise RuntimeError(f"{up.contender.title} answers {body[:200]!r}, which is wrong")

        return load.window(
            ask.program or (str(self.program),),
            up.port,
            requests,
            pids=processes.tree(up.process.pid),
            connections=connections or workload.connections,
            seconds=seconds,
            check=check,
            rate=rate,
        )

    def warm(self, up: Up, ask: Ask, requests: Path, workload: Workload) -> None:
        """Ask until it answers rightly: a server may listen before its model is loaded. Raises RuntimeError."""
        end = time.monotonic() + 90
        while True:
            try:
                self.window(up, ask, requests, workload, 0.5)
            except RuntimeError:
                if time.monotonic() > end or up.process.poll() is not None:
                    raise
                time.sleep(0.5)
            else:
                return


@contextmanager
def up(bench: Bench, contenders: Sequence[Contender]) -> Iterator[tuple[list[Up], dict[str, str]]]:
    """All that come up, and for each of the others why not."""
    running, failed = [], {}
    with ExitStack() as stack:
        for contender in contenders:
            print(f"  {contender.title}", file=sys.stderr, flush=True)
            try:
                contender.ready(bench.peers, bench.model)
                one = bench.start(contender)
                stack.callback(processes.stop, one.process)
                bench.warm(one, contender.ask, bench.requests(contender.name, contender.ask, ONE), ONE)
            except (RuntimeError, subprocess.CalledProcessError) as error:
                installing = isinstance(error, subprocess.CalledProcessError)
                why = f"cannot be installed here: {', '.join(contender.install)}" if installing else str(error)
                failed[contender.title] = " ".join(why.split())[-300:]
                print(f"    {failed[contender.title]}", file=sys.stderr, flush=True)
            else:
                running.append(one)
        yield running, failed


Found = dict[str, dict[str, list[Window]]]


def measured(
    bench: Bench, running: Sequence[Up], workloads: Sequence[Workload], rounds: int, seconds: float
) -> tuple[Found, dict[str, str]]:
    """Workload title -> contender name -> one window per round; and whose windows failed, with the reason.

    A server that fails once in a workload is left out of it.
    """
    found: Found = {}
    failed: dict[str, str] = {}
    for workload in workloads:
        print(f"  {workload.title}", file=sys.stderr, flush=True)
        files = {u.contender.name: bench.requests(u.contender.name, u.contender.ask, workload) for u in running}
        windows: dict[str, list[Window]] = {name: [] for name in files}
        for at in range(rounds):
            for one in running[at % len(running) :] + list(running[: at % len(running)]):
                name = one.contender.name
                if name not in windows:
                    continue
                try:
                    windows[name].append(bench.window(one, one.contender.ask, files[name], workload, seconds))
                except RuntimeError as error:
                    failed[f"{one.contender.title}, {workload.title}"] = " ".join(str(error).split())[-300:]
                    del windows[name]
        found[workload.title] = windows
    return found, failed


def ratio(windows: Mapping[str, Sequence[Window]], name: str, base: str) -> float:
    """Median over the rounds of requests per processor-second against another server's in the same round."""
    pairs = zip(windows[name], windows[base], strict=True)
    return statistics.median(mine.per_processor_second / other.per_processor_second for mine, other in pairs)
