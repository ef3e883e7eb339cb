"""KServe's client pins other versions than ours, so it runs in an environment of its own, made once by its script."""

import fcntl
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[2] / ".venv" / "clients"
VERSION = "0.21.0"


def environment():
    """The Python of an environment with `kserve`; about half a minute the first time."""
    python = FOLDER / f"kserve-{VERSION}" / "bin" / "python"
    done = FOLDER / f"kserve-{VERSION}.done"
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests' processes may come here together
        if not done.exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", python.parents[1]], check=True, timeout=120)
            pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", f"kserve=={VERSION}"]
            made = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=600)
            assert made.returncode == 0, made.stderr[-2000:]
            done.touch()
    return python


def test_kserves_own_client(f32):
    command = [environment(), HERE / "kserve_client.py", f"http://127.0.0.1:{f32.port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, env={"NO_PROXY": "*"})
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr[-3000:]
