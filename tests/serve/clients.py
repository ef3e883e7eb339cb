"""Clients that pin other versions than ours, each in an environment before ours, made once by its script."""

import fcntl
import subprocess
import sys
import sysconfig
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".venv" / "clients"


def environment(name, version):
    """The Python of an environment with this package and what it needs that ours has not, or has in another version;
    about ten seconds the first time.
    """
    python = FOLDER / f"{name}-{version}" / "bin" / "python"
    done = FOLDER / f"{name}-{version}.done"
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests' processes may come here together
        if not done.exists():
            bare = [sys.executable, "-m", "venv", "--clear", "--without-pip", python.parents[1]]
            subprocess.run(bare, check=True, timeout=120)
            (packages,) = python.parents[1].glob("lib/*/site-packages")
            (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
            ours = [sys.executable, "-m", "pip", "--python", python]
            pip = [*ours, "install", "-q", "--no-compile", "--disable-pip-version-check"]
            what = f"{name}=={version}"
            made = subprocess.run([*pip, what], capture_output=True, text=True, check=False, timeout=600)
            assert made.returncode == 0, made.stderr[-2000:]
            done.touch()
    return python


def run(program, *arguments, folder=None, **environment):
    """What a program of such an environment says, when it ends well."""
    env = {"NO_PROXY": "*", "PATH": ""} | environment
    pipes = {"capture_output": True, "text": True, "cwd": folder, "env": env}
    done = subprocess.run([program, *arguments], check=False, timeout=400, **pipes)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def kserve():
    return environment("kserve", "0.21.0")
