"""Servers as processes: started on one core, their processor time and memory read from /proc, stopped by their id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}  # compiled, as what is installed is


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def start(words: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """In a session of its own, on the servers' core; what it says goes into `log`."""
    with log.open("wb") as out:
        return subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *words],
            cwd=folder,
            env={**os.environ, **ENVIRONMENT, **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 120) -> None:
    """Raises RuntimeError with the end of the log when it ended or never listened."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.002)
    raise RuntimeError(f"never listened: {log.read_text(errors='replace')[-1500:]}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """The server and every process it started: asked, then killed."""
    family = tree(process.pid)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in family:
        try:
            if os.getsid(pid) == process.pid:  # still the same session: no other process that got its number
                os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:
        found.extend(parents.get(one, ()))
    return found


def processor_seconds(pids: Sequence[int]) -> float:
    """User and system time of these processes and of their children that have ended."""
    return sum(sum(int(n) for n in fields[11:15]) for pid in pids if (fields := _stat(pid))) / TICK


def processor_ns(pids: Sequence[int]) -> int:
    """The same in nanoseconds and not in ticks of ten milliseconds, of these processes alone: by their clocks."""
    return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in pids)  # what clock_getcpuclockid(3) gives


@dataclass(frozen=True, slots=True)
class Memory:
    """Megabytes: resident, and the proportional share where pages are shared."""

    resident: float
    proportional: float


def memory(pids: Sequence[int]) -> Memory:
    kilobytes = {"Rss": 0, "Pss": 0}
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name in kilobytes:
                kilobytes[name] += int(rest.split()[0])
    return Memory(kilobytes["Rss"] / 1000, kilobytes["Pss"] / 1000)


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: 0 state, 1 parent, 11 to 14 times."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
