"""Real releases: graphs made here, served on real sockets by a server in a thread."""

import asyncio
import contextlib
import http.client
import json
import socket
import tempfile
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import onnx
import pytest
import uvloop
from onnx import TensorProto, helper
from tests.serve.described import Overheard, described

from arkwright.core.nouns import Column
from arkwright.core.ports import Routing, Served, Share
from arkwright.core.signature import Features, Signature, Tensor
from arkwright.serve.model.loaded import load
from arkwright.serve.observer.observer import Observer
from arkwright.serve.processes import server as processes_server
from arkwright.serve.processes.server import Server
from arkwright.serve.telemetry.counters import Counters
from arkwright.serve.telemetry.telemetry import Telemetry
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.limits import Limits
from arkwright.serve.wire.quota import Quota

processes_server.Connection = Overheard  # what every Live listens with
DIGEST = "ab" * 32
FLIGHTS = """
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec


@dataclass
class Flight:
    distance: Annotated[float, msgspec.Meta(ge=0)]
    carrier: Literal["AA", "UA"]
    delay: float | None
    late: bool


def polars_features(flights: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    return flights.select(
        (pl.col("distance") / 1000).alias("km"),
        (pl.col("carrier") == "AA").cast(pl.Float64).alias("aa"),
        pl.col("delay"),
    )


def pandas_features(flights: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {"km": flights["distance"] / 1000, "aa": (flights["carrier"] == "AA").astype(float), "delay": flights["delay"]}
    )


def arrow_features(flights: "pa.Table") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pa.table(
        {
            "km": pc.divide(flights["distance"], 1000.0),
            "aa": pc.equal(flights["carrier"], "AA").cast("double"),
            "delay": flights["delay"],
        }
    )


def row_features(flight: Flight) -> dict:
    return {"km": flight.distance / 1000, "aa": float(flight.carrier == "AA"), "delay": flight.delay}


def mapping_features(flight: "Mapping") -> dict:
    return {"km": flight["distance"] / 1000, "aa": float(flight["carrier"] == "AA"), "delay": flight["delay"]}


def failing_features(flights: "pl.DataFrame") -> "pl.DataFrame":
    raise ValueError("secret internals")


def exiting_features(flights: "pl.DataFrame") -> "pl.DataFrame":
    raise SystemExit(3)


def waiting_features(flights: "pl.DataFrame") -> "pl.DataFrame":
    import time
    from pathlib import Path

    here = Path(__file__)
    with here.with_name("calls").open("a") as calls:
        calls.write(f"{flights['distance'].to_list()}\\n")
    while here.with_name("wait").exists():
        time.sleep(0.005)
    return polars_features(flights)


def short_features(flights: "pl.DataFrame") -> "pl.DataFrame":
    return polars_features(flights).head(0)
"""


def proto(inputs, outputs, nodes, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, array):
    return onnx.numpy_helper.from_array(np.asarray(array), name)


def late_model(distance=0.5):
    """Logistic regression on km, aa, delay (missing delay counts as 0): label and two probabilities."""
    nodes = [
        helper.make_node("IsNaN", ["features"], ["nan"]),
        helper.make_node("Where", ["nan", "zero", "features"], ["x"]),
        helper.make_node("MatMul", ["x", "w"], ["score"]),
        helper.make_node("Sigmoid", ["score"], ["p1"]),
        helper.make_node("Sub", ["one", "p1"], ["p0"]),
        helper.make_node("Concat", ["p0", "p1"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0),
    ]
    constants = [
        constant("w", np.array([[distance], [-1.0], [0.1]], np.float32)),
        constant("zero", np.float32(0)),
        constant("one", np.float32(1)),
    ]
    inputs = [value("features", TensorProto.FLOAT, ["n", 3])]
    outputs = [value("label", TensorProto.INT64, ["n"]), value("probabilities", TensorProto.FLOAT, ["n", 2])]
    return proto(inputs, outputs, nodes, constants)


def late_probability(distance, carrier, delay):
    score = 0.5 * distance / 1000 - (carrier == "AA") + 0.1 * (delay or 0)
    return 1 / (1 + np.exp(-score))


def late_signature(function=None, takes="polars"):
    return Signature(
        model="late",
        task="classification",
        target="late",
        columns=(
            Column(name="distance", type="float", limits=(("ge", 0),)),
            Column(name="carrier", type="str", allowed=("AA", "UA")),
            Column(name="delay", type="float", nullable=True),
        ),
        inputs=(Tensor(name="features", datatype="FP32", columns=("km", "aa", "delay")),),
        outputs=(
            Tensor(name="label", datatype="INT64"),
            Tensor(name="probabilities", datatype="FP32", columns=("False", "True")),
        ),
        classes=(False, True),
        features=Features(file="code/flights.py", function=function, takes=takes) if function else None,
    )


ECHO = {
    "b": ("BOOL", TensorProto.BOOL),
    "u8": ("UINT8", TensorProto.UINT8),
    "u16": ("UINT16", TensorProto.UINT16),
    "u32": ("UINT32", TensorProto.UINT32),
    "u64": ("UINT64", TensorProto.UINT64),
    "i8": ("INT8", TensorProto.INT8),
    "i16": ("INT16", TensorProto.INT16),
    "i32": ("INT32", TensorProto.INT32),
    "i64": ("INT64", TensorProto.INT64),
    "f16": ("FP16", TensorProto.FLOAT16),
    "f32": ("FP32", TensorProto.FLOAT),
    "f64": ("FP64", TensorProto.DOUBLE),
    "s": ("BYTES", TensorProto.STRING),
}


def echo_release(folder: Path, names, columns=2):
    """A graph that gives back what it takes, one output `<name>_out` per input."""
    nodes = [helper.make_node("Identity", [n], [f"{n}_out"]) for n in names]
    inputs = [value(n, ECHO[n][1], ["n", columns]) for n in names]
    outputs = [value(f"{n}_out", ECHO[n][1], ["n", columns]) for n in names]
    tensors = [tuple(Tensor(name=n + end, datatype=ECHO[n][0]) for n in names) for end in ("", "_out")]
    types = {"BOOL": "bool", "BYTES": "str", "FP16": "float", "FP32": "float", "FP64": "float"}
    given = tuple(Column(name=n, type=types.get(ECHO[n][0], "int"), nullable=n == "f32") for n in names)
    signature = Signature(
        model="echo", task="regression", target="y", columns=given, inputs=tensors[0], outputs=tensors[1]
    )
    return write(folder, signature, proto(inputs, outputs, nodes))


def write(folder: Path, signature, model, code=None):
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, folder / "model.onnx")
    (folder / "signature.json").write_bytes(msgspec.json.encode(signature))
    if code:
        (folder / "code").mkdir(exist_ok=True)
        (folder / "code" / "flights.py").write_text(code)
    return folder


def a_quota(folder, rate):
    """As a supervisor and its worker make it, where there is a rate."""
    if rate is None:
        return None
    Quota.create(folder)
    return Quota(folder, rate)


class Live:
    """A server in a thread and a plain client for it. Whatever it answers, to whomever, is held against its own OpenAPI
    document when a test ends.
    """

    running: ClassVar = []

    def __init__(self, loaded, limits=None, observed=None):
        """`observed`: an empty folder for counters, where they are wanted."""
        self.loaded, self.limits, self.observed = loaded, limits or Limits(), observed
        self.started = threading.Event()
        self.fatal = []  # what a connection raised into the loop: never anything
        self.heard = deque()  # what was answered and not looked at yet
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._main())

    async def _main(self):
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _, context: self.fatal.append(context))
        self.stopping = asyncio.Event()
        observer = self._observer() if self.observed else None
        with tempfile.TemporaryDirectory() as folder:
            quota = a_quota(Path(folder), self.limits.rate)
        self.server = Server(self.limits, observer=observer, quota=quota)
        lanes = {one.endpoint: Lane(one, self.limits) for one in self.loaded}
        self.server.app.install({name: Route(name, [(lane, 1.0)]) for name, lane in lanes.items()})
        for name, lane in lanes.items() if observer else ():
            share = Share(Served(self.observed, lane.loaded.release, lane.loaded.digest), 1.0)
            observer.follow(name, Routing((share,)), [lane])
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.server.front.heard = self.heard
        await self.server.start(listening)
        self.started.set()
        await self.stopping.wait()
        await self.server.stop()
        if observer:
            observer.close()

    def _observer(self):
        Counters.create(self.observed, 1)
        return Observer(Telemetry(self.observed, 0, access_log=str(self.observed / "access")))

    def __enter__(self):
        self.thread.start()
        assert self.started.wait(20)
        Live.running.append(self)
        return self

    def __exit__(self, *_):
        self.stop()
        self.thread.join(20)
        Live.running.remove(self)
        assert not self.thread.is_alive()
        assert not self.fatal
        self.check()

    def check(self):
        """Everything that was answered since is as the server describes it."""
        document = described(self.server.app._gets["/openapi.json"](None).body)  # not asked for: that would count
        while self.heard:
            document.check(self.heard.popleft())

    def stop(self):
        with contextlib.suppress(RuntimeError):  # it has stopped already
            self.loop.call_soon_threadsafe(self.stopping.set)

    def call(self, method, path, body=None, headers=None):
        """(status, headers, body); JSON is decoded strictly."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            given = {"Content-Type": "application/json"} if data is not None and headers is None else headers or {}
            connection.request(method, path, data, given)
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        kind = response.headers.get("Content-Type", "")
        plain = kind == "application/json" and method != "HEAD" and "Content-Encoding" not in response.headers
        said = msgspec.json.decode(raw) if plain else raw
        return response.status, response.headers, said

    def post(self, path, body, **headers):
        status, _, answer = self.call("POST", path, body, headers or None)
        return status, answer


@pytest.fixture(autouse=True)
def _as_described():
    yield
    for live in Live.running:
        live.check()


def loaded_late(folder, function=None, takes="polars", endpoint="late"):
    write(folder, late_signature(function, takes), late_model(), FLIGHTS)
    return load(folder, endpoint=endpoint, release="release:late@3", digest=DIGEST)


def flat_release(folder, distance=0.5):
    """The same without code: rows of the three features."""
    columns = tuple(Column(name=name, type="float", nullable=name == "delay") for name in ("km", "aa", "delay"))
    return write(folder, replace(late_signature(), columns=columns), late_model(distance))


def late_release(folder):
    """The endpoint `late` of a release without code, loaded."""
    return load(flat_release(folder), endpoint="late", release="release:late@3", digest=DIGEST)


class Slow:
    """A release whose `features` waits as long as the file `wait` is there, and writes down what it saw."""

    def __init__(self, folder):
        self._code = write(folder, late_signature("waiting_features"), late_model(), FLIGHTS) / "code"
        self.loaded = load(folder, endpoint="late", release="release:late@3", digest=DIGEST)

    def calls(self):
        return (self._code / "calls").read_text().splitlines()[1:]  # the first warms up

    def hold(self):
        (self._code / "wait").touch()

    def let_go(self):
        (self._code / "wait").unlink(missing_ok=True)

    def until(self, count):
        while len(self.calls()) < count:
            threading.Event().wait(0.005)


@pytest.fixture
def slow(tmp_path):
    slow = Slow(tmp_path / "late@3")
    yield slow
    slow.let_go()


@pytest.fixture(scope="session")
def late(tmp_path_factory):
    """The endpoint `late`: polars features in front of a logistic regression."""
    with Live([loaded_late(tmp_path_factory.mktemp("late"), "polars_features")]) as live:
        yield live


@pytest.fixture(scope="session")
def echo(tmp_path_factory):
    """The endpoint `echo`: every datatype, two columns each."""
    folder = echo_release(tmp_path_factory.mktemp("echo"), list(ECHO))
    with Live([load(folder, endpoint="echo", release="release:echo@1", digest=DIGEST)]) as live:
        yield live


@pytest.fixture(scope="session")
def f32(tmp_path_factory):
    """The endpoint `f32`: one FP32 tensor (n, 2) given back."""
    folder = echo_release(tmp_path_factory.mktemp("f32"), ["f32"])
    with Live([load(folder, endpoint="f32", release="release:f32@1", digest=DIGEST)]) as live:
        yield live
