import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arkwright.core.errors import Invalid
from arkwright.infra.process_runner import ProcessRunner
from arkwright.testing.runner import RunnerContract

pytestmark = pytest.mark.usefixtures("cold")


class TestContract(RunnerContract):
    def make(self):
        return ProcessRunner("arkwright.work")


def start(tmp_path):
    return ProcessRunner("arkwright.work").start(tmp_path, tmp_path / "logs" / "log.txt", lambda _text: None)


def test_a_worker_that_was_killed_is_told(tmp_path):
    worker = start(tmp_path)
    os.kill(worker.process.pid, signal.SIGKILL)
    with pytest.raises(Invalid, match=r"ended by SIGKILL \(often: out of memory\)"):
        worker.call("plan", {})
    worker.close()


def test_the_worker_ends_with_its_parent(tmp_path):
    """A line that was killed leaves nobody working for it."""
    code = f"""
import os, sys, time
from pathlib import Path
from arkwright.infra.process_runner import ProcessRunner
worker = ProcessRunner("arkwright.work").start(Path({str(tmp_path)!r}), Path({str(tmp_path / "log")!r}), print)
try:
    worker.call("plan", {{}})
except Exception:
    pass
print(worker.process.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    pid = int(done.stdout.split()[-1])
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state in "ZX":
            return
        time.sleep(0.05)
    pytest.fail("the worker lives on")
