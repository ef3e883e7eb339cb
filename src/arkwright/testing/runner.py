"""The contract of the socket `Runner`. A plug-in's author subclasses it in a test file and says how to make one."""

import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from arkwright.core.errors import ArkwrightError, Invalid, Unknown
from arkwright.core.ports import Runner, Worker

TOML = """
project = "p"
owner   = "o"
purpose = "try a runner"
code    = "p.py"

[data.rows]
source = "rows.csv"
[data.more]
"""
CODE = """
import os, time
import pyarrow as pa
import pyarrow.compute as pc

print("the code is loaded")

def more(rows: pa.Table) -> pa.Table:
    print("worked in", os.getpid())
    if rows.num_rows and pc.max(rows["n"]).as_py() == 13:
        os._exit(7)
    if rows.num_rows and pc.max(rows["n"]).as_py() == 12:
        raise ValueError("twelve is too many")
    return rows.append_column("twice", pc.multiply(rows["n"], 2))
"""


class RunnerContract:
    """What every runner must do."""

    def make(self) -> Runner:
        """The runner; it works on `arkwright.work`."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "arkwright.toml").write_text(TOML)
        (tmp_path / "p.py").write_text(textwrap.dedent(CODE))
        self._rows(tmp_path, 1, 2, 3)
        return tmp_path

    def _rows(self, folder: Path, *numbers: int) -> None:
        (folder / "rows.csv").write_text("n\n" + "\n".join(map(str, numbers)) + "\n")

    @contextmanager
    def _worker(self, folder: Path, said: list[str] | None = None) -> Iterator[Worker]:
        say = (said if said is not None else []).append
        with closing(self.make().start(folder, folder / "log.txt", say)) as worker:
            yield worker

    def _make_more(self, worker: Worker, folder: Path) -> int:
        out = folder / "out"
        out.mkdir(exist_ok=True)
        worker.call("ingest", {"dataset": "rows", "folder": str(out)})
        (out / "rows.parquet").rename(folder / "rows.parquet")
        inputs = {"rows": str(folder / "rows.parquet")}
        return int(worker.call("transform", {"dataset": "more", "inputs": inputs, "folder": str(out)})["rows"])

    def test_tasks_are_worked_in_order_and_their_files_are_there(self, folder: Path) -> None:
        with self._worker(folder) as worker:
            assert worker.call("plan", {})["project"] == "p"
            assert self._make_more(worker, folder) == 3
            assert (folder / "out" / "rows.parquet").is_file()

    def test_what_the_code_prints_goes_to_the_log(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        with self._worker(folder) as worker:
            self._make_more(worker, folder)
        log = (folder / "log.txt").read_text()
        assert "the code is loaded" in log
        assert "worked in" in log
        assert "worked in" not in "".join(capfd.readouterr())

    def test_errors_come_back_as_themselves(self, folder: Path) -> None:
        self._rows(folder, 12)
        with self._worker(folder) as worker:
            with pytest.raises(Invalid, match=r"p\.py:\d+ in more: ValueError: twelve is too many"):
                self._make_more(worker, folder)
            assert worker.call("plan", {})["project"] == "p"  # the worker goes on
        (folder / "arkwright.toml").unlink()
        with self._worker(folder) as worker, pytest.raises(Unknown, match=r"no arkwright\.toml"):
            worker.call("plan", {})

    def test_code_that_ends_its_process_ends_nothing_else(self, folder: Path) -> None:
        self._rows(folder, 13)
        with self._worker(folder) as worker:
            with pytest.raises(Invalid, match="exit code 7"):
                self._make_more(worker, folder)
            with pytest.raises(Invalid):
                worker.call("plan", {})

    def test_progress_is_told(self, folder: Path) -> None:
        self._rows(folder, *range(5))
        text = (
            (folder / "arkwright.toml").read_text().replace('source = "rows.csv"', 'source = "rows.csv"\nrow = "Row"')
        )
        (folder / "arkwright.toml").write_text(text)
        with (folder / "p.py").open("a") as file:
            file.write("\n\nclass Row:\n    m: int\n")
        (folder / "rows.csv").write_text("n,m\n1,2\n")
        said: list[str] = []
        with self._worker(folder, said) as worker:
            (folder / "out").mkdir()
            worker.call("ingest", {"dataset": "rows", "folder": str(folder / "out")})
        assert any("leaves out 1 columns: n" in line for line in said)

    def test_what_takes_too_long_is_given_up(self, folder: Path) -> None:
        with (folder / "p.py").open("a") as file:
            file.write("\n\nimport time\ntime.sleep(600)\n")
        worker = self.make().start(folder, folder / "log.txt", lambda _text: None, within=0.5)
        with closing(worker), pytest.raises(ArkwrightError, match=r"longer than 0\.5 seconds and was given up"):
            worker.call("plan", {})

    def test_closing_twice_is_closing(self, folder: Path) -> None:
        worker = self.make().start(folder, folder / "log.txt", lambda _text: None)
        worker.close()
        worker.close()
        with pytest.raises(Invalid):
            worker.call("plan", {})
