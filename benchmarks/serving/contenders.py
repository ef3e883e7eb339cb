"""What a server is to this benchmark: how it is installed, started and asked; and the ways to ask."""

import json
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from serving.load import http
from serving.project import COMMAND

APPS = Path(__file__).with_name("apps")
Values = Callable[[Any], list[float]]


@dataclass(frozen=True, slots=True)
class Ask:
    """One way to ask a server: the request for some rows, and the numbers in an answer (None: no answer to read).

    `program` is another load generator than the compiled one.
    """

    request: Callable[[np.ndarray], bytes]
    values: Callable[[bytes], list[float]] | None
    program: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contender:
    """`words(home, model, port)` is the command; `install` what pip puts into an environment of its own.

    `prepare(home, model)` writes what the server reads, with its environment's Python at hand. `shows` are the
    packages whose versions are told.
    """

    name: str
    title: str
    words: Callable[[Path, Path, int], Sequence[str]]
    ask: Ask
    install: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    prepare: Callable[[Path, Path], None] | None = None

    def home(self, peers: Path) -> Path:
        return peers / self.name

    def ready(self, peers: Path, model: Path) -> None:
        """Make the environment, once. Raises subprocess.CalledProcessError where pip cannot."""
        home = self.home(peers)
        done = home / "installed.txt"
        if self.install and not (done.exists() and done.read_text(encoding="utf-8").split() == list(self.install)):
            venv.create(home, with_pip=True, clear=True)
            pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile"]
            subprocess.run([*pip, "--disable-pip-version-check", *self.install], check=True)
            done.write_text("\n".join(self.install), encoding="utf-8")
        if self.prepare is not None:
            self.prepare(home, model)

    def versions(self, peers: Path) -> str:
        if not self.install:
            return ""
        code = f"from importlib.metadata import version as v; print(', '.join(n + ' ' + v(n) for n in {self.shows}))"
        python = str(self.home(peers) / "bin" / "python")
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def v2(path: str, tensor: str) -> Ask:
    """The Open Inference Protocol: one flat FP32 tensor."""

    def request(rows: np.ndarray) -> bytes:
        data = rows.ravel().tolist()
        inputs = [{"name": tensor, "shape": list(rows.shape), "datatype": "FP32", "data": data}]
        return http(path, json.dumps({"inputs": inputs}, separators=(",", ":")).encode())

    return Ask(request, lambda body: flat(json.loads(body)["outputs"][0]["data"]))


def v2_binary(path: str, tensor: str) -> Ask:
    """The same with the binary tensor extension, both ways."""

    def request(rows: np.ndarray) -> bytes:
        data = rows.astype("<f4").tobytes()
        described = {"name": tensor, "shape": list(rows.shape), "datatype": "FP32"}
        inputs = [{**described, "parameters": {"binary_data_size": len(data)}}]
        head = json.dumps(
            {"parameters": {"binary_data_output": True}, "inputs": inputs}, separators=(",", ":")
        ).encode()
        length = f"Inference-Header-Content-Length: {len(head)}\r\n"
        return http(path, head + data, f"Content-Type: application/octet-stream\r\n{length}")

    def values(body: bytes) -> list[float]:
        described, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
        assert described["outputs"][0]["parameters"]["binary_data_size"] == len(body) - end
        return np.frombuffer(body[end:], "<f4").tolist()

    return Ask(request, values)


def listed(path: str, key: str, read: Values) -> Ask:
    """A list of rows under a key, as web frameworks' users write it."""

    def request(rows: np.ndarray) -> bytes:
        return http(path, json.dumps({key: rows.tolist()}, separators=(",", ":")).encode())

    return Ask(request, lambda body: read(json.loads(body)))


def named(path: str, names: Sequence[str]) -> Ask:
    """Raw rows: objects with a name for each number; one row is an object alone."""

    def request(rows: np.ndarray) -> bytes:
        objects = [dict(zip(names, row, strict=True)) for row in rows.tolist()]
        body = objects[0] if len(objects) == 1 else objects
        return http(path, json.dumps(body, separators=(",", ":")).encode())

    def values(body: bytes) -> list[float]:
        found = json.loads(body)
        said = found["predictions"] if "predictions" in found else [found["prediction"]]
        return [one["value"] for one in said]

    return Ask(request, values)


def arkwright(
    name: str,
    title: str,
    project: Path,
    ask: Ask,
    extra: Sequence[str] = (),
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Contender:
    """Our server over a project, with further words of its command line, and of its environment."""

    def words(_home: Path, _model: Path, port: int) -> list[str]:
        more = ["env", *(f"{name}={value}" for name, value in environment.items())] if environment else []
        return [*more, COMMAND, "serve", "--project", str(project), "--port", str(port), *extra]

    return Contender(name, title, words, ask)


def hello(tensor: str) -> Contender:
    """No model at all: what reading a request and writing an answer costs on uvloop and httptools."""
    asked = v2("/v2/models/points/infer", tensor)
    return Contender(
        "hello",
        "hello-world, uvloop + httptools",
        lambda _home, _model, port: [sys.executable, str(APPS / "hello.py"), str(port)],
        Ask(asked.request, None),
    )


def flat(values: Any) -> list[float]:
    return np.asarray(values, dtype=np.float64).ravel().tolist()
