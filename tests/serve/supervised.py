"""A supervisor and its workers in processes of their own, moved by what stands in a file."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from onnx import TensorProto, helper

from arkwright.core.nouns import Column
from arkwright.core.signature import Features, Signature, Tensor

from .conftest import proto, value, write

SERVE = """
import json, logging, sys
from pathlib import Path
from arkwright.core.ports import Logged, Routing, Served, Serving, Share
from arkwright.serve.processes.supervisor import serve

folder, how = Path(sys.argv[1]), json.loads(sys.argv[2])
returned = None

def watch(held):
    global returned
    (folder / "held").write_text(" ".join(held))
    said = (folder / "said").read_text()
    if said == returned:
        return None
    returned = said
    number, traffic, logs = json.loads(said)
    return {
        name: Routing((), version=number, stopped=shares)
        if isinstance(shares, str)
        else Routing(
            tuple(Share(Served(Path(at), ref, digest), part, shadow) for at, ref, digest, part, shadow in shares),
            version=number,
            log=logged(**logs[name]) if name in logs else None,
        )
        for name, shares in traffic.items()
    }


def logged(folder, sample=1.0, redact=()):
    return Logged(Path(folder), sample, tuple(redact))


logging.basicConfig(level=logging.INFO)
serve(watch, Serving(**{"port": 0} | how), lambda address: print(address, flush=True))
"""
CODE = """
import os
import time
from dataclasses import dataclass


@dataclass
class Flight:
    distance: float
    late: float


def who(flight: Flight) -> dict:
    if flight.distance == 666:
        os.kill(os.getpid(), 9)
    if flight.distance < 10:
        time.sleep(flight.distance)
    return {"pid": float(os.getpid())}
"""
DEADLY = CODE + "\nos.kill(os.getpid(), 9)\n"


def who_release(folder, code=CODE):
    """Answers with the number of the process that answers. Sleeps for a distance below 10; dies of 666."""
    signature = Signature(
        model="who", task="regression", target="late", columns=(Column(name="distance", type="float"),),
        inputs=(Tensor(name="pid", datatype="FP64", columns=("pid",)),),
        outputs=(Tensor(name="out", datatype="FP64"),),
        features=Features(file="code/flights.py", function="who", takes="row"),
    )  # fmt: skip
    shapes = [[value(name, TensorProto.DOUBLE, ["n", 1])] for name in ("pid", "out")]
    return write(folder, signature, proto(*shapes, [helper.make_node("Identity", ["pid"], ["out"])]), code)


def workers(supervisor):
    """The processes of a supervisor's workers."""
    children = map(int, Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split())
    return [child for child in children if works(child)]


def works(pid):
    """Whether it is a worker, and not its keeper or what workers are forked from."""
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "ark-worker\n"
    except OSError:
        return False


class Supervised:
    """Runs while the `with` block does.

    `releases`: endpoint -> [(folder, version, part)], and True behind it for a shadow; or by whom and why it is
    stopped. `logs`: endpoint -> the words of its `Logged`. `files`: how many it may have open, softly and at all.
    """

    def __init__(self, folder: Path, releases, logs=None, files=None, **how):
        self.folder, self.how, self._said, self._files = folder, how, 0, files
        folder.mkdir(exist_ok=True)
        self.say(releases, logs)

    def say(self, releases, logs=None):
        self._said += 1
        self._names = list(releases)
        said = {
            name: shares
            if isinstance(shares, str)
            else [
                (str(at), f"release:{name}@{version}", f"{version:02x}" * 32, part, bool(shadow))
                for at, version, part, *shadow in shares
            ]
            for name, shares in releases.items()
        }
        (self.folder / "next").write_text(json.dumps([self._said, said, logs or {}], default=str))
        (self.folder / "next").replace(self.folder / "said")

    def move(self, releases, logs=None):
        """Say it, and return when all workers have done it, or refused it."""
        self.say(releases, logs)
        self.until(self.followed)

    def followed(self):
        """Whether all workers have done what was said last, or refused it."""
        words, log = ("answers with", "cannot be served"), self.log.read_text()
        return all(any(f"endpoint:{name}@{self._said} {w}" in log for w in words) for name in self._names)

    def start(self):
        self.log = self.folder / "log"
        limit = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, {self._files})" if self._files else ""
        command = [sys.executable, "-W", "error", "-c", limit + SERVE, str(self.folder), json.dumps(self.how)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)

    def __enter__(self):
        self.start()
        address = self.process.stdout.readline()
        assert address, self.log.read_text()
        self.port = int(address.rpartition(":")[2])
        if self.how.get("grpc_port") is not None:
            self.grpc = self.process.stdout.readline().strip().removeprefix("grpc://")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.communicate()

    def until(self, true, seconds=60, every=0.01):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.log.read_text()[-3000:]
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            time.sleep(every)

    def workers(self):
        return workers(self.process.pid)

    def said(self, words):
        return self.log.read_text().count(words)

    def call(self, path, body, **headers):
        """(status, headers, body) on a connection of its own."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(client):
            client.request("POST", path, json.dumps(body), {k.replace("_", "-"): v for k, v in headers.items()})
            answer = client.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())

    def who(self):
        return int(self.call("/predict", {"distance": 100})[2]["prediction"]["value"])


class Caller(threading.Thread):
    """Asks without pause on a connection that it keeps as long as the server does; what goes wrong is in `failed`."""

    def __init__(self, port, path, body, seen=lambda answer, said: None):
        super().__init__(daemon=True)
        self._port, self._path, self._body, self._seen = port, path, json.dumps(body), seen
        self.failed, self.answered, self.done = [], 0, threading.Event()
        self.start()

    def run(self):
        client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self.done.is_set():
            try:
                client.request("POST", self._path, self._body, {"Content-Type": "application/json"})
                answer = client.getresponse()
                said = answer.read()
            except OSError as error:
                self.failed.append(repr(error))
                client.close()
            else:
                if answer.status != 200:
                    self.failed.append((answer.status, said))
                self._seen(answer, said)
                self.answered += 1
        client.close()

    def stop(self):
        self.done.set()
        self.join(60)


@contextlib.contextmanager
def calling(count, *args, **words):
    callers = [Caller(*args, **words) for _ in range(count)]
    try:
        yield callers
    finally:
        for caller in callers:
            caller.stop()
