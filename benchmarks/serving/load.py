"""The load: requests built beforehand, a compiled generator on the other core, answers that are looked at."""

import json
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.processes import LOAD_CORE, processor_seconds

SOURCE = Path(__file__).with_name("load.c")


@dataclass(frozen=True, slots=True)
class Window:
    """What one short look at a server found. Times in seconds; `processor` is the server's, its children included."""

    answers: int
    seconds: float
    processor: float
    p50: float
    p99: float

    @property
    def per_processor_second(self) -> float:
        return self.answers / self.processor

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


def compiled(folder: Path) -> Path:
    """The generator; compiled when its source is newer."""
    program = folder / "load"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        compiler = shutil.which("cc") or shutil.which("gcc") or sys.exit("the load generator wants a C compiler (cc)")
        subprocess.run([compiler, "-O2", "-o", str(program), str(SOURCE), "-lm"], check=True)
    return program


def http(path: str, body: bytes, headers: str = "") -> bytes:
    kind = "" if "Content-Type" in headers else "Content-Type: application/json\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n{kind}{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body


def write(path: Path, requests: Iterable[bytes]) -> Path:
    with path.open("wb") as file:
        for request in requests:
            file.write(struct.pack("<I", len(request)) + request)
    return path


def window(
    program: Sequence[str],
    port: int,
    requests: Path,
    *,
    pids: Sequence[int],
    connections: int,
    seconds: float,
    check: Callable[[int, bytes], None],
    rate: float | None = None,
) -> Window:
    """Ask for so long; `check` gets the numbers of some requests with the bodies of their answers.

    Raises RuntimeError when an answer was not 200, or none came.
    """
    words = [*program, str(port), str(requests), str(connections), str(seconds)]
    begin = processor_seconds(pids)
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *words, *([f"{rate:.1f}"] if rate else [])],
        capture_output=True,
        text=True,
        check=False,
    )
    processor = processor_seconds(pids) - begin
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    found = json.loads(done.stdout)
    if found["wrong"] or not found["answers"]:
        said = bytes.fromhex(found["samples"][0][1])[:300] if found["samples"] else b""
        raise RuntimeError(f"{found['wrong']} of {found['answers']} answers were {found['status']}: {said!r}")
    for number, body in found["samples"]:
        check(number, bytes.fromhex(body))
    return Window(found["answers"], found["seconds"], max(processor, 0.01), found["p50"], found["p99"])
