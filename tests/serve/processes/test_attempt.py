"""What is laid to a release that is tried, and what is not: its process is played."""

import asyncio
import errno
import os
import select
import subprocess

import pytest

from arkwright.core.errors import Invalid
from arkwright.core.ports import Served
from arkwright.serve.processes import trial
from arkwright.serve.processes.birth import Forked
from arkwright.serve.processes.starved import starved

EARLY = "kill -9 $$"
BEGINS = "read asked; printf +;"
KILLED, LOADED = f"{BEGINS} kill -9 $$", f"""{BEGINS} echo '{{"why":""}}'"""
ENDS = "release:who@1: the process that loads it ends"


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """What is said of a release whose processes do this, one after the other; none is left over."""

    def run(*lives):
        left = list(lives)

        def begin(words, fds, *, leads, **_):
            made = subprocess.Popen(["sh", "-c", left.pop(0)], stdin=fds[0], stdout=fds[0], start_new_session=True)
            made.returncode = 0  # it is asked by its number
            return Forked(made.pid, leads=leads)

        monkeypatch.setattr(trial, "begin", begin)
        said = asyncio.run(trial.attempt("who", Served(tmp_path, "release:who@1", "d"), 60.0))
        assert not left
        return said

    return run


def test_one_death_may_be_chance_and_two_are_the_release(tried):
    assert tried(KILLED, LOADED) is None
    assert tried(KILLED, KILLED) == f"{ENDS} (SIGKILL)"
    assert tried(f"{BEGINS} exit 3") == f"{ENDS} (exit code 3)"


@pytest.mark.parametrize("early", [EARLY, "exit 3", f"read asked; {EARLY}"])
def test_what_happens_before_it_loads_anything_says_nothing_of_it(tried, early):
    """OpenBLAS ends who imports it where it can start no thread."""
    with pytest.raises(OSError, match="release:who@1: the process that tries it does not come to load it"):
        tried(early)


def test_that_nothing_was_left_for_it_says_nothing_of_it(tried):
    with pytest.raises(OSError, match="release:who@1: no thread"):
        tried(f"""{BEGINS} echo '{{"why":"no thread","again":true}}'""")


def test_what_it_started_ends_with_it(tried, tmp_path):
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    assert tried(f"exec 9> {tmp_path}/held; sleep 600 & {LOADED}") is None
    assert select.select([held], [], [], 20)[0], "it goes on"
    assert os.read(held, 1) == b""
    os.close(held)


def test_the_group_of_what_is_tried_ends_before_its_number_may_be_anothers(tried, monkeypatch):
    done = []
    for name, do in (("killpg", os.killpg), ("waitpid", os.waitpid)):
        monkeypatch.setattr(os, name, lambda *words, do=do, name=name: done.append(name) or do(*words))
    assert tried(LOADED) is None
    assert done == ["killpg", "waitpid"]


def chained(error):
    told = Invalid(f"flights.py:3: {error}")
    told.__cause__ = error
    return told


def silent():
    """It cannot even be told, and came of itself."""

    class Silent(ValueError):
        def __str__(self):
            raise ValueError

    error = Silent()
    error.__cause__ = error
    return error


@pytest.mark.parametrize(
    ("error", "says_so"),
    [
        (chained(RuntimeError("can't start new thread")), True),
        (OSError(errno.EMFILE, "Too many open files"), True),
        (chained(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")), False),  # a lock, for all we know
        (Exception('pool: Os { code: 11, message: "Resource temporarily unavailable" }'), True),
        (FileNotFoundError(errno.ENOENT, "No such file"), False),
        (chained(MemoryError()), True),
        (chained(KeyboardInterrupt()), True),  # OpenBLAS, where it can start no thread
        (ValueError("it is broken"), False),
        (silent(), False),
    ],
)
def test_what_was_lacking_is_known_however_it_is_told(error, says_so):
    assert starved(error) == says_so
