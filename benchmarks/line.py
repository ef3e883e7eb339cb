"""What the line itself costs on the demo: everything but the user's own functions, the scan, the fit and the measuring
of latencies, as a share of its wall time.

    python benchmarks/line.py --rounds 3

The flights project is copied and walked from nothing, its worker in this process, so that every part can be timed.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from arkwright.core.ports import Worker as Port
from arkwright.infra.duckdb_tables import DuckTables
from arkwright.line import line
from arkwright.project import loaded, rehearse
from arkwright.sites import local
from arkwright.train import fit
from arkwright.work import data, latency
from arkwright.work.tasks import work
from arkwright.work.worker import Worker

FLIGHTS = Path(__file__).resolve().parents[1] / "examples" / "flights"
spent: dict[str, float] = defaultdict(float)
inside: list[str] = []


def timed(owner: Any, name: str, what: str) -> None:
    """Count the time of a function; of nested ones the outermost counts."""
    function = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if inside:
            return function(*args, **kwargs)
        inside.append(what)
        begin = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[what] += time.perf_counter() - begin
            inside.pop()

    setattr(owner, name, wrapper)


class Here(Port):
    """A worker in this process."""

    def __init__(self, folder: Path) -> None:
        self.worker = Worker(folder, lambda _text: None)

    def call(self, task: str, arguments: Any) -> Any:
        begin = time.perf_counter()
        try:
            return work(self.worker, task, arguments)
        finally:
            spent[f"task {task}"] += time.perf_counter() - begin

    def close(self) -> None:
        pass


class Runner:
    def start(self, folder: Path, *_log_and_say: Any) -> Port:
        return Here(folder)


@contextmanager
def fresh() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "flights"
        shutil.copytree(FLIGHTS, project, ignore=shutil.ignore_patterns(".arkwright", "__pycache__"))
        yield project


def walk(begun: float) -> dict[str, float]:
    """One walk in this process, which began at `begun`: part -> seconds."""
    timed(loaded.code, "load", "importing the user's file")
    timed(DuckTables, "write", "the user's SQL")
    timed(rehearse, "call", "the user's features")
    timed(fit, "call", "the user's fit")
    timed(data.reading, "ingest", "reading the sources")
    timed(data.check, "measure", "the scan of the promises")
    timed(latency, "_timed", "measuring latencies")
    with fresh() as project:
        site = local(project)
        site.__dict__["runner"] = Runner()
        result = line.run(site, "ana", project, say=lambda _text: None)
        assert result.problem is None, result.problem
        wall = time.time() - begun
    own = {what: seconds for what, seconds in spent.items() if not what.startswith("task ")}
    return {"wall": wall, "the line itself": wall - sum(own.values()), **own}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--begun", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.begun:
        print(json.dumps(walk(given.begun)))
        return
    rounds = []
    for _ in range(given.rounds):
        words = [sys.executable, __file__, "--begun", str(time.time())]
        done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
        rounds.append(json.loads(done.stdout))
    print("| part | seconds | share of the wall time |\n|---|---|---|")
    for what in sorted(rounds[0], key=lambda what: -statistics.median(r[what] for r in rounds)):
        share = statistics.median(r[what] / r["wall"] for r in rounds)
        print(f"| {what} | {statistics.median(r[what] for r in rounds):.2f} | {share:.1%} |")
    wall = statistics.median(r["wall"] for r in rounds)
    print(f"\n{given.rounds} walks of the flights project from nothing, each in a process of its own whose start and")
    print(f"imports count as the line ({wall:.0f} s each), medians.")


if __name__ == "__main__":
    main()
