"""A small project that ran once, to be broken; and what must hold whenever the command line refuses."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.conftest import DATA_CODE, DATA_TOML, MODEL_CODE, MODEL_TOML, rows

from arkwright.cli.main import main
from arkwright.core import versions
from arkwright.core.nouns import Dataset, Event, Run
from arkwright.sites import Site

PROGRAM = Path(sysconfig.get_path("scripts")) / "arkwright"
LONGEST_LINE = 500
MOST_LINES = 40


@dataclass(frozen=True)
class Answer:
    """What a word of the command line gave back."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line.removeprefix("error: ") for line in self.err.splitlines() if line.startswith("error: ")]


class Desk:
    """A project folder with its command line."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        self.files = files
        self.restore()

    def restore(self) -> None:
        """The user's files as they were; what Arkwright keeps stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.name == ".arkwright":
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name, text in self.files.items():
            (self.folder / name).write_text(text)

    def path(self, name: str) -> Path:
        return self.folder / name

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text that must be there, so that a test cannot miss silently."""
        text = self.path(file).read_text()
        assert old in text, f"{old!r} is not in {file}"
        self.path(file).write_text(text.replace(old, new))

    def csv(self, name: str, lines: Iterable[str], encoding: str = "utf-8") -> None:
        self.path(name).write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))

    def ask(self, *words: str, by: str = "ana") -> Answer:
        """The command line, in this process: a worker of its own does what touches the user's files all the same."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, "--project", str(self.folder), "--by", by])
        return Answer(code, out.getvalue(), err.getvalue())

    def shell(self, *words: str, **how: object) -> Answer:
        """The command line as a person starts it."""
        command = [str(PROGRAM), *words, "--project", str(self.folder), "--by", "ana"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **how)  # type: ignore[call-overload]
        return Answer(done.returncode, done.stdout, done.stderr)

    def site(self) -> Site:
        return Site(self.folder / ".arkwright")

    def events(self) -> list[Event]:
        if not self.path(".arkwright/ledger.db").exists():
            return []
        ledger = self.site().ledger
        found = list(ledger.find())
        ledger.close()
        return found

    def dataset(self, name: str = "buyers") -> Dataset:
        return versions.resolve(self.site().ledger, Dataset, name)

    def table(self, name: str = "buyers") -> dict[str, list[object]]:
        """The rows that were kept."""
        site = self.site()
        return pq.read_table(site.store.path(self.dataset(name).digest)).to_pydict()

    def bad_rows(self, name: str = "buyers") -> list[tuple[int, str]]:
        """Number and reason of each row in quarantine."""
        kept = self.dataset(name).quarantine
        return [] if kept is None else _pairs(self.site().store.path(kept))

    @staticmethod
    def alive(pid: int) -> bool:
        try:
            return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            return False

    def last_run(self) -> Run:
        return list(versions.all_of(self.site().ledger, Run))[-1]

    # what must hold -----------------------------------------------------------------------------------------------

    def sound(self) -> None:
        """The ledger and the store verify; nothing half-made lies about."""
        verified = self.ask("ledger", "verify")
        assert verified.code == 0, verified.err
        assert list(self.site().store.verify()) == []
        assert leftovers(self.folder) == []

    def works(self) -> Answer:
        """The line runs to its end, and says so on record."""
        answer = self.ask("run")
        assert answer.code == 0, answer.out + answer.err
        assert answer.errors == []
        assert self.last_run().state == "finished"
        self.sound()
        return answer

    def refused(
        self, code: int, *needles: str, words: tuple[str, ...] = ("run",), made: tuple[str, ...] = ()
    ) -> Answer:
        """The command refuses in short lines that say these things; nothing is claimed, lost or half-written; and the
        repaired project runs. `made`: keys of artefacts that were rightly made before the mistake was met.
        """
        answer = self.fails(code, *needles, words=words, made=made)
        self.restore()
        self.works()
        return answer

    def fails(self, code: int, *needles: str, words: tuple[str, ...] = ("run",), made: tuple[str, ...] = ()) -> Answer:
        """As `refused`, without the repair."""
        before = self.events()
        answer = self.ask(*words)
        self.told(answer, code, *needles)
        self.nothing_claimed(before, answer, made)
        self.sound()
        return answer

    @staticmethod
    def told(answer: Answer, code: int, *needles: str) -> None:
        assert answer.code == code, f"exit {answer.code}\n{answer.out}{answer.err}"
        assert answer.errors, f"no line begins with error:\n{answer.err}"
        odd = [line for line in answer.err.splitlines() if not line.startswith(("error: ", "· "))]
        assert odd == [], "every line of standard error is progress or an error"
        assert len(answer.errors) <= MOST_LINES
        assert max(map(len, answer.errors)) <= LONGEST_LINE, answer.errors
        said = "\n".join(answer.errors)
        for needle in needles:
            assert needle in said, f"{needle!r} is not said:\n{said}"
        for noise in ("Traceback", "unexpected:", "site-packages"):
            assert noise not in answer.err + answer.out

    def nothing_claimed(self, before: list[Event], answer: Answer, made: tuple[str, ...]) -> None:
        after = self.events()
        assert after[: len(before)] == before
        for event in after[len(before) :]:
            if event.kind == "run":
                record = json.loads(event.body)
                assert record["state"] in ("started", "failed")
                assert record["state"] == "started" or record["error"] == "\n".join(answer.errors)
            elif event.kind == "recipe":
                assert event.body.partition("@")[0] in made, event
            elif event.kind == "finding":
                assert json.loads(event.body)["subject"].partition(":")[2].partition("@")[0] in made, event
            else:
                assert event.key.partition("@")[0] in made, event
        runs = [event for event in after[len(before) :] if event.kind == "run"]
        assert len(runs) in (0, 2), "a run that starts also ends"


def leftovers(folder: Path) -> list[str]:
    """Whatever lies in the folders for half-made things."""
    found = []
    for name in ("tmp", "store/tmp"):
        place = folder / ".arkwright" / name
        found += [str(path.relative_to(folder)) for path in place.rglob("*")] if place.is_dir() else []
    return found


def _pairs(path: Path) -> list[tuple[int, str]]:
    table = pq.read_table(path, columns=["row", "reason"])
    return list(zip(table["row"].to_pylist(), table["reason"].to_pylist(), strict=True))


def _copies(made: Desk, tmp_path: Path) -> Desk:
    folder = tmp_path / "shop"
    shutil.copytree(made.folder, folder, symlinks=True)
    return Desk(folder, made.files)


@pytest.fixture(scope="session")
def made_data(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A project of one dataset that ran once."""
    files = {"arkwright.toml": DATA_TOML, "shop.py": DATA_CODE, "buyers.csv": rows()}
    desk = Desk(tmp_path_factory.mktemp("data") / "shop", files)
    desk.works()
    return desk


@pytest.fixture(scope="session")
def made_model(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The same with a model, a gate and an endpoint, up to a release that is signed and promoted."""
    files = {"arkwright.toml": DATA_TOML + MODEL_TOML, "shop.py": DATA_CODE + MODEL_CODE, "buyers.csv": rows()}
    desk = Desk(tmp_path_factory.mktemp("model") / "shop", files)
    desk.works()
    for role, by in (("model-owner", "ben"), ("operations", "cleo")):
        assert desk.ask("sign", "buys", "--role", role, by=by).code == 0
    assert desk.ask("promote", "buys").code == 0
    return desk


@pytest.fixture
def desk(made_data: Desk, tmp_path: Path) -> Desk:
    return _copies(made_data, tmp_path)


@pytest.fixture
def shop(made_model: Desk, tmp_path: Path) -> Desk:
    return _copies(made_model, tmp_path)


@pytest.fixture
def new(tmp_path: Path) -> Callable[..., Desk]:
    """A project of one's own that has not run yet: new({"arkwright.toml": …})."""
    return lambda files: Desk(tmp_path / "new", files)


def as_a_person() -> None:
    """For `preexec_fn`: give up what lets root read and write whatever the permissions say."""
    if os.geteuid() == 0:
        import ctypes

        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
