"""What logging costs: an unmodified MLflow client against `arkwright up` and against `mlflow server` on SQLite; and
`arkwright.track`, our own way, without a server.

    python benchmarks/track.py            # MLflow's environment is made once, with pip

Each server is one process with one worker, on one core; the client is on the other. What is compared is the server's
own processor time, all its processes counted, so that a machine which others use tells no lies. Rounds are interleaved;
a ratio is the median of same-round ratios. Every point is durable with both: ours by a commit that is synced, theirs by
SQLite as SQLAlchemy opens it.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}

from mlflow.entities import Metric
from serving.processes import LOAD_CORE, free_port, processor_seconds, start, stop, tree, wait_until_listening

from arkwright.api import accounts
from arkwright.core.nouns import Actor
from arkwright.sites import Site, local
from arkwright.tracking import runs
from mlflow import MlflowClient

DATA = Path(__file__).resolve().parent / "data"
PEER = DATA / "peers-track"
PINNED = "mlflow==3.17.2"
SINGLE, BATCHES, CLIENTS, RUNS = 200, 20, 4, 10_000
PASSWORD = "four quiet wooden boats"  # of a site that lives for minutes
ORDER = "metrics.m2 DESC"
FILTER = "metrics.m1 > 0.5 and params.p1 = '3' and tags.t1 = 'north'"


@dataclass(frozen=True)
class Server:
    """One that runs. `client` is MLflow's own."""

    name: str
    address: str
    process: subprocess.Popen[bytes]
    token: str

    @property
    def client(self) -> MlflowClient:
        os.environ["MLFLOW_TRACKING_TOKEN"] = self.token
        return MlflowClient(self.address)

    def cost(self, act: Callable[[MlflowClient], None]) -> tuple[float, float]:
        """(processor seconds of the server, seconds) of this act."""
        client = self.client
        begun, used = time.perf_counter(), processor_seconds(tree(self.process.pid))
        act(client)
        return processor_seconds(tree(self.process.pid)) - used, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    folder = DATA / "track"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as held:
        ours, theirs = held.enter_context(arkwright(folder / "ours")), held.enter_context(mlflow(folder / "theirs"))
        logged = [logging(ours, theirs) for _ in range(given.rounds)]
        listed = [listing(ours, theirs) for _ in range(given.rounds)]
    print("**Points through an unmodified client**: the server's processor time for a point\n")
    told(logged, 1e6, "µs", 1 / 10)
    print("\n**Lists of 10,000 runs** (5 parameters, 5 metrics, 3 tags each): the server's processor time for one\n")
    told(listed, 1e3, "ms", 1 / 10)
    print("\n**`arkwright.track`**, durable, all its threads counted\n")
    alone(given.rounds)
    busy = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"\n{given.rounds} interleaved rounds; {PINNED}, one worker; load averages in the end: {busy}.")


def logging(ours: Server, theirs: Server) -> dict[str, dict[str, tuple[float, float]]]:
    """One round: (processor seconds, seconds) for a point, by what was done and by whom."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for what, points, act in (
        ("point by point, one client", SINGLE, one_by_one),
        (f"point by point, {CLIENTS} clients at once", SINGLE * CLIENTS, many),
        ("in batches of 1,000", BATCHES * 1000, batches),
    ):
        for server in (ours, theirs):
            processor, wall = server.cost(act)
            found.setdefault(what, {})[server.name] = processor / points, wall / points
    return found


def one_by_one(client: MlflowClient, points: int = SINGLE) -> None:
    run = client.create_run("0").info.run_id
    for step in range(points):
        client.log_metric(run, "loss", 1 / (step + 1), step=step)


def many(client: MlflowClient) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one_by_one, [client] * CLIENTS))


def batches(client: MlflowClient) -> None:
    run, now = client.create_run("0").info.run_id, int(time.time() * 1000)
    for number in range(BATCHES):
        points = [Metric(f"m{i % 5}", i / 7, now + i, number * 200 + i // 5) for i in range(1000)]
        client.log_batch(run, points)


def listing(ours: Server, theirs: Server) -> dict[str, dict[str, tuple[float, float]]]:
    """One round, as in `logging`, for one list. What is quick is asked often: the clock of /proc ticks in 10 ms."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for what, often, words in (
        ("the newest 100", 40, {"max_results": 100}),
        ("the newest 1,000", 8, {"max_results": 1000}),
        ("a filter, by a metric, 100 of 535", 40, {"filter_string": FILTER, "max_results": 100, "order_by": [ORDER]}),
    ):
        for server, times in ((ours, often), (theirs, max(1, often // 20))):
            experiment = server.client.get_experiment_by_name("many").experiment_id

            def act(
                client: MlflowClient, experiment: str = experiment, words: dict = words, times: int = times
            ) -> None:
                for _ in range(times):
                    page = client.search_runs([experiment], **words)
                    assert len(page) == words["max_results"], len(page)

            processor, wall = server.cost(act)
            found.setdefault(what, {})[server.name] = processor / times, wall / times
    return found


def asked(experiment: str, words: dict, times: int, client: MlflowClient) -> None:
    for _ in range(times):
        page = client.search_runs([experiment], **words)
        assert len(page) == words["max_results"], len(page)


def told(rounds: list[dict[str, dict[str, tuple[float, float]]]], scale: float, unit: str, limit: float) -> None:
    head = (
        f"| what | Arkwright {unit} | MLflow {unit} | MLflow ÷ Arkwright | in seconds of the client's clock | target |"
    )
    print(head + "\n|---|---|---|---|---|---|")
    for what in rounds[0]:
        ours, theirs = ([one[what][name] for one in rounds] for name in ("ours", "theirs"))
        middle = [statistics.median(cost[0] for cost in costs) * scale for costs in (ours, theirs)]
        ratio = statistics.median(b[0] / a[0] if a[0] else float("inf") for a, b in zip(ours, theirs, strict=True))
        wall = statistics.median(b[1] / a[1] for a, b in zip(ours, theirs, strict=True))
        met = "met" if ratio >= 1 / limit else "**not met**"
        print(f"| {what} | {middle[0]:.3g} | {middle[1]:.3g} | {ratio:.1f} | {wall:.1f} | ≥ {1 / limit:.0f}: {met} |")


def alone(rounds: int) -> None:
    """Our own API in a process of its own: it must not share threads with what measures."""
    code = (
        "import sys, time, arkwright\n"
        "with arkwright.track('speed', sys.argv[1]) as run:\n"
        "    run.log(loss=0.0)\n"
        "    run.flush()\n"
        "    begun = time.process_time()\n"
        "    for step in range(200_000):\n"
        "        run.log(loss=0.5, step=step)\n"
        "    run.flush()\n"
        "    print((time.process_time() - begun) / 200_000 * 1e6)\n"
    )
    folder = DATA / "track" / "alone"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", code, str(folder)]
    found = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(rounds)]
    middle = statistics.median(found)
    print("| what | processor µs a point | target |\n|---|---|---|")
    print(f"| 200,000 points, one by one | {middle:.2f} | ≤ 5: {'met' if middle <= 5 else '**not met**'} |")


@contextmanager
def arkwright(folder: Path) -> Iterator[Server]:
    folder.mkdir(parents=True)
    (folder / "arkwright.toml").write_text('project = "speed"\nowner = "a@b.example"\npurpose = "Speed"\n')
    site, nobody = local(folder), Actor(name="x")
    invited = accounts.invite(site, nobody, folder, name="ana", role="owner")
    secret = accounts.join(site, nobody, folder, invitation=invited.secret, password=PASSWORD)
    by = accounts.prove(site, "session", secret).actor
    token = accounts.token(site, by, folder, role="contributor").secret
    fill_ours(site)
    command = [sys.executable, "-m", "arkwright.cli.main", "up", "--project", str(folder)]
    with running("ours", command, folder, token) as server:
        yield server


@contextmanager
def mlflow(folder: Path) -> Iterator[Server]:
    python = PEER / "bin" / "python"
    if not (PEER / "bin" / "mlflow").exists():
        venv.create(PEER, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PINNED], check=True)
    folder.mkdir(parents=True)
    command = [str(PEER / "bin" / "mlflow"), "server", "--workers", "1", "--host", "127.0.0.1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder)]
    with running("theirs", command, folder, "") as server:
        server.client.create_experiment("many")
        fill_theirs(folder / "mlflow.db", int(server.client.get_experiment_by_name("many").experiment_id))
        yield server


@contextmanager
def running(name: str, command: list[str], folder: Path, token: str) -> Iterator[Server]:
    port, log = free_port(), folder / "log"
    process = start([*command, "--port", str(port)], folder, log, {"PYTHONPATH": os.environ.get("PYTHONPATH", "")})
    try:
        wait_until_listening(process, port, log)
        server = Server(name, f"http://127.0.0.1:{port}", process, token)
        one_by_one(server.client, 3)  # what is imported when it is first used
        yield server
    finally:
        stop(process)


def values(number: int) -> tuple[dict[str, str], dict[str, float], dict[str, str]]:
    """(parameters, metrics, tags) of a run."""
    params = {f"p{i}": str((number * (i + 3)) % 7) for i in range(5)}
    metrics = {f"m{i}": (number * (i + 13) % 1000) / 1000 for i in range(5)}
    return params, metrics, {"t1": "north" if number % 4 else "south", "t2": str(number % 10), "t3": "wool"}


def fill_ours(site: Site) -> None:
    def fill(db: object) -> None:
        experiment = runs.experiment(db, "many")
        for number in range(RUNS):
            params, metrics, tags = values(number)
            uid = runs.begin(
                db, experiment=experiment, name=f"run {number}", user="ana", started=number, tags=tags.items()
            )
            points = [(key, 0, 1, value) for key, value in metrics.items()]
            runs.log(db, uid, metrics=points, params=params.items())

    site.tracking.submit(fill).result()


def fill_theirs(path: Path, experiment: int) -> None:
    """As their server would write it: through it, it would take half an hour."""
    with sqlite3.connect(path) as db:
        columns = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in TABLES}
        for number in range(RUNS):
            params, metrics, tags = values(number)
            uid = f"{number:032x}"
            run = {
                "run_uuid": uid, "name": f"run {number}", "status": "FINISHED", "lifecycle_stage": "active",
                "start_time": number, "end_time": number, "experiment_id": experiment, "user_id": "ana",
                "source_type": "LOCAL", "artifact_uri": f"mlflow-artifacts:/{experiment}/{uid}/artifacts",
            }  # fmt: skip
            put(db, columns, "runs", run)
            for key, value in params.items():
                put(db, columns, "params", {"key": key, "value": value, "run_uuid": uid})
            for key, value in {**tags, "mlflow.runName": f"run {number}"}.items():
                put(db, columns, "tags", {"key": key, "value": value, "run_uuid": uid})
            for key, value in metrics.items():
                point = {"key": key, "value": value, "timestamp": 1, "step": 0, "is_nan": 0, "run_uuid": uid}
                put(db, columns, "metrics", point)
                put(db, columns, "latest_metrics", point)


TABLES = ("runs", "params", "tags", "metrics", "latest_metrics")


def put(db: sqlite3.Connection, columns: dict[str, list[str]], table: str, row: dict[str, object]) -> None:
    known = [name for name in row if name in columns[table]]
    marks = ", ".join("?" * len(known))
    db.execute(f"INSERT INTO {table} ({', '.join(known)}) VALUES ({marks})", [row[name] for name in known])


if __name__ == "__main__":
    main()
