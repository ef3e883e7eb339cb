"""Our server against what no Python server can do without: importing onnxruntime, loading the model, `session.run`."""

import os
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from serving import processes
from serving.contenders import APPS, Contender
from serving.processes import SERVER_CORE
from serving.rounds import ONE, Bench, Up, Workload

PINNED = ["taskset", "-c", str(SERVER_CORE), sys.executable]


@dataclass(frozen=True, slots=True)
class Against:
    """Ours, and the same without a server; medians, and the median of same-round ratios."""

    ours: float
    bare: float
    ratio: float


def against(pairs: list[tuple[float, float]]) -> Against:
    middle = statistics.median
    return Against(middle(o for o, _ in pairs), middle(b for _, b in pairs), middle(o / b for o, b in pairs))


def binary(bench: Bench, one: Up, workload: Workload, rounds: int, seconds: float) -> Against:
    """Seconds of processor a request of binary tensors, and of one `session.run` on as many rows."""
    requests = bench.requests(one.contender.name, one.contender.ask, workload)
    pairs = []
    for _ in range(rounds):
        window = bench.window(one, one.contender.ask, requests, workload, seconds)
        words = [*PINNED, str(APPS / "session_run.py"), str(bench.model), str(workload.rows), str(seconds / 2)]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        pairs.append((1 / window.per_processor_second, float(done.stdout)))
    return against(pairs)


def cold(bench: Bench, contender: Contender, rounds: int) -> tuple[Against, Against]:
    """From the start of the process to its first answer: (seconds, seconds of processor)."""
    walls, spent = [], []
    request = contender.ask.request(bench.table(ONE)[0])
    for _ in range(rounds):
        begin = time.perf_counter()
        one = bench.start(contender)
        try:
            _first_answer(one.port, request)
            wall = time.perf_counter() - begin
            processor = processes.processor_seconds(processes.tree(one.process.pid))
        finally:
            processes.stop(one.process)
        begin = time.perf_counter()
        child = subprocess.Popen([*PINNED, str(APPS / "cold.py"), str(bench.model), "stop"])
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        walls.append((wall, time.perf_counter() - begin))
        spent.append((processor, usage.ru_utime + usage.ru_stime))
    return against(walls), against(spent)


def _first_answer(port: int, request: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as asked:
        asked.sendall(request)
        answer = asked.recv(65536)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the first answer was {answer[:200]!r}")


def memory(bench: Bench, one: Up) -> dict[str, Against]:
    """Megabytes of the worker (the largest process) and of all processes, after it has answered."""
    words = [*PINNED, str(APPS / "cold.py"), str(bench.model), "stay"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bare:
        assert bare.stdout
        bare.stdout.readline()
        alone = processes.memory([bare.pid])
        family = [processes.memory([pid]) for pid in processes.tree(one.process.pid)]
        bare.communicate()
    worker = max(family, key=lambda found: found.resident)
    whole = sum(found.proportional for found in family)
    return {
        "the worker, resident": against([(worker.resident, alone.resident)]),
        "the worker, proportional": against([(worker.proportional, alone.proportional)]),
        f"all {len(family)} processes, proportional": against([(whole, alone.proportional)]),
    }
