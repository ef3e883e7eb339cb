"""The servers that `benchmarks/track.py` compares, each a process on one core, and 10,000 runs in each."""

import http.client
import os
import sqlite3
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from serving.processes import free_port, processor_ns, start, stop, tree, wait_until_listening

from arkwright.api.people import accounts, entering
from arkwright.core.nouns import Actor
from arkwright.sites import Site, local
from arkwright.tracking import runs
from mlflow import MlflowClient

HERE = Path(__file__).resolve().parent
PEER = HERE / "data" / "peers-track"
PINNED = "mlflow==3.17.2"
RUNS = 10_000
PASSWORD = "four quiet wooden boats"  # of a site that lives for minutes
SEARCH = "/api/2.0/mlflow/runs/search"
# its jobs, which nobody asked for here, would take a tenth of the core from whoever is measured
WITHOUT_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one thing of many: of the server's processor, of the client's own, and by the clock."""

    server: float
    client: float
    clock: float


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

    @property
    def many(self) -> str:
        """The experiment of the 10,000 runs."""
        return self.client.get_experiment_by_name("many").experiment_id

    def cost(self, act: Callable[[], object], count: int) -> Cost:
        """Of one of the `count` things that this does."""
        family = tree(self.process.pid)
        used, own, begun = processor_ns(family), time.process_time(), time.perf_counter()
        act()
        clock, own = time.perf_counter() - begun, time.process_time() - own
        return Cost((processor_ns(family) - used) / 1e9 / count, own / count, clock / count)

    def plain(self, body: bytes, times: int) -> bytes:
        """Search for runs so often, on one connection, with nothing of MLflow's client. The last answer."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        said = b""
        for _ in range(times):
            connection.request("POST", SEARCH, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 200:
                raise RuntimeError(said)
        connection.close()
        return said


@contextmanager
def arkwright(folder: Path) -> Iterator[Server]:
    folder.mkdir(parents=True)
    (folder / "arkwright.toml").write_text('project = "speed"\nowner = "a@b.example"\npurpose = "Speed"\n')
    site, nobody = local(folder), Actor(name="x")
    invited = accounts.invite(site, nobody, folder, name="ana", role="owner")
    secret = entering.join(site, nobody, folder, invitation=invited.secret, password=PASSWORD)
    by = entering.prove(site, "session", secret).actor
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
    with running("theirs", command, folder, "", WITHOUT_JOBS) as server:
        server.client.create_experiment("many")
        fill_theirs(folder / "mlflow.db", int(server.client.get_experiment_by_name("many").experiment_id))
        yield server


@contextmanager
def at_once(folder: Path) -> Iterator[Server]:
    """One that keeps nothing. `folder` holds its answers to searches: a file for each `max_results` and filter."""
    with running("at once", [sys.executable, str(HERE / "track_floor.py"), str(folder)], folder, "x") as server:
        yield server


@contextmanager
def running(
    name: str, command: list[str], folder: Path, token: str, environment: dict[str, str] | None = None
) -> Iterator[Server]:
    port, log = free_port(), folder / "log"
    given = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), **(environment or {})}
    process = start([*command, "--port", str(port)], folder, log, given)
    try:
        wait_until_listening(process, port, log)
        server = Server(name, f"http://127.0.0.1:{port}", process, token)
        client = server.client
        client.log_metric(client.create_run("0").info.run_id, "loss", 0.5)  # what is imported when it is first used
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
