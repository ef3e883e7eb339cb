"""The protocol's calls: the bytes of a message in, the bytes of the answer out. A refusal is raised as a Problem."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from math import inf
from typing import Any, Protocol

import orjson

from arkwright.core.record import NAME
from arkwright.serve.grpc.messages import CLASSES, Message, read, write
from arkwright.serve.grpc.tensors import TYPED, from_contents, split, to_contents
from arkwright.serve.model.graph import Graph
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.requests import complete, fitting, input_port, output_port, supported, unguarded
from arkwright.serve.model.tensors import MOST_DIMENSIONS, Tensors, from_binary, to_binary
from arkwright.serve.rest import oip
from arkwright.serve.traffic.batch import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.wire.messages import GONE, LATE, Problem, Reply, Request, Response

_CLOCKS = 0.02  # seconds by which a caller's clock may differ: its deadline is told as what is left of it


class Door(Protocol):
    """What the calls need of the server they are in."""

    def names(self) -> Sequence[str]:
        """The endpoints."""

    def ready(self, name: str | None) -> bool:
        """Whether this endpoint answers, or the server. Raises Problem (404) for an unknown name."""

    def versions(self, name: str) -> Sequence[str]:
        """The versions behind an endpoint, the one that speaks for it first. Raises Problem (404)."""

    def pick(self, name: str, version: str | None, request: Request) -> Lane:
        """The release for one request. Raises Problem: 404 for an unknown name or version, 429 beyond a quota."""

    def noted(self, lane: Lane, request: Request, reply: Reply) -> Reply:
        """What to reply through to a request that is given to this release, so that it is noted."""

    def told(self, request: Request, response: Response) -> None:
        """Note that this was answered, if it was given to no release."""

    def index(self) -> Sequence[Mapping[str, str]]:
        """What is in the repository: name, version, state, reason. Raises Problem (403) when it is off."""

    async def move(self, verb: str, name: str) -> None:
        """Have an endpoint loaded or unloaded. Raises Problem: 403 when the repository is off, 400 with why not."""

    def asked(self, lane: Lane, request: Request, inputs: Tensors) -> None:
        """These are the request's tensors: for the log, and for the shadows of the endpoint."""


class Service:
    """Every call but the streams, by name: `calls` answer at once, `infer` when the model has run."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._about = write("ServerMetadataResponse", **oip.SERVER | {"version": version("arkwright")})
        self.calls: Mapping[str, Callable[[bytes, Request], bytes]] = {
            "ServerLive": lambda *_: write("ServerLiveResponse", live=True),
            "ServerReady": lambda *_: write("ServerReadyResponse", ready=door.ready(None)),
            "ServerMetadata": lambda *_: self._about,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._model_metadata,
            "RepositoryIndex": self._index,
        }

    async def infer(self, body: bytes, request: Request, remaining: float | None) -> bytes:
        """A ModelInferRequest. `remaining`: seconds until the caller's deadline. Cancelled, it is not computed."""
        if remaining is not None and remaining <= 0:
            raise Problem(504, "the deadline had passed when the request came")
        request.body = body  # by which it is known, should it end the process
        rest, raws = split(body)
        asked = read("ModelInferRequest", rest)
        lane = self._door.pick(asked.model_name, asked.model_version or None, request)
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        reply = self._door.noted(lane, request, partial(_settle, answered))
        try:
            self._add(lane, asked, raws, request, reply, inf if remaining is None else remaining)
        except Problem as problem:
            reply(problem.response())
        except Exception:
            reply(Problem(500, "the server failed on this request; its log says why").response())
            raise
        try:
            response = await answered
        except asyncio.CancelledError:
            late = remaining is not None and lane.batcher.now() > request.received + remaining - _CLOCKS
            request.gone = LATE if late else GONE
            raise
        if response.status != 200:
            raise Problem(response.status, orjson.loads(response.body)["error"], response.headers)
        return response.body

    def _add(
        self,
        lane: Lane,
        asked: Message,
        raws: Sequence[memoryview],
        request: Request,
        reply: Reply,
        remaining: float,
    ) -> None:
        loaded = lane.loaded
        unguarded(loaded)
        inputs = _inputs(loaded.graph, asked, raws)
        wanted = _wanted(loaded.graph, asked)
        deadline = request.received + min(remaining, _timeout(asked))
        self._door.asked(lane, request, inputs)
        lane.batcher.add(
            Job(
                request,
                max(len(array) for array in inputs.values()),
                fast=True,
                prepare=lambda: inputs,
                finish=partial(_respond, loaded, asked.id, wanted, bool(raws)),
                reply=reply,
                deadline=deadline,
            )
        )

    def _model_ready(self, body: bytes, request: Request) -> bytes:
        asked = read("ModelReadyRequest", body)
        if asked.version:
            self._door.pick(asked.name, asked.version, request)
        return write("ModelReadyResponse", ready=self._door.ready(asked.name))

    def _model_metadata(self, body: bytes, request: Request) -> bytes:
        asked = read("ModelMetadataRequest", body)
        versions = self._door.versions(asked.name)
        about = oip.metadata(self._door.pick(asked.name, asked.version or versions[0], request).loaded)
        del about["parameters"]  # the message has no place for them; every answer carries them
        return write("ModelMetadataResponse", **about | {"versions": versions})

    def _index(self, body: bytes, _: Request) -> bytes:
        asked = read("RepositoryIndexRequest", body)
        if asked.repository_name:
            raise Problem(400, "there is one repository here; leave repository_name empty")
        models = [one for one in self._door.index() if not asked.ready or one["state"] == "READY"]
        return write("RepositoryIndexResponse", models=models)

    async def repository(self, verb: str, body: bytes) -> bytes:
        """RepositoryModelLoad and RepositoryModelUnload."""
        message = f"RepositoryModel{verb.capitalize()}"
        asked = read(f"{message}Request", body)
        if not NAME.fullmatch(asked.model_name):
            raise Problem(400, "an endpoint's name has letters, digits, _ and -, at most 64")
        await self._door.move(verb, asked.model_name)
        return write(f"{message}Response")


def _settle(answered: "asyncio.Future[Response]", response: Response) -> None:
    if not answered.done():  # the caller has left
        answered.set_result(response)


def _timeout(asked: Message) -> float:
    """The parameter `timeout` in seconds: Triton's clients say it in microseconds, and 0 for none."""
    if "timeout" not in asked.parameters:
        return inf
    given = asked.parameters["timeout"]
    value = getattr(given, given.WhichOneof("parameter_choice") or "string_param")
    if type(value) is not int or value < 0:
        raise Problem(400, "the parameter timeout is a whole number of microseconds")
    return value / 1e6 or inf


def _inputs(graph: Graph, asked: Message, raws: Sequence[memoryview]) -> Tensors:
    if raws and len(raws) != len(asked.inputs):
        raise Problem(400, f"raw_input_contents has {len(raws)} elements for {len(asked.inputs)} inputs")
    found: Tensors = {}
    for i, tensor in enumerate(asked.inputs):
        port = input_port(graph, tensor.name, tensor.datatype, found)
        supported(tensor.parameters)
        shape = list(tensor.shape[: MOST_DIMENSIONS + 1])
        if not raws:
            array = from_contents(port.name, tensor.contents, port.kind, shape)
        elif tensor.HasField("contents"):
            raise Problem(400, f"the input {port.name!r} has contents beside raw_input_contents; send one of them")
        else:
            array = from_binary(port.name, raws[i], port.kind, shape)
        found[port.name] = fitting(port, array)
    return complete(graph, found)


def _wanted(graph: Graph, asked: Message) -> Sequence[str]:
    if not asked.outputs:
        return list(graph.outputs)
    wanted: list[str] = []
    for output in asked.outputs:
        supported(output.parameters)
        wanted.append(output_port(graph, output.name, wanted).name)
    return wanted


def _respond(loaded: Loaded, id_: str, wanted: Sequence[str], raw: bool, outputs: Tensors) -> Response:  # noqa: FBT001
    """Raw when the request was, or when an output has no typed contents; a message has all its tensors one way."""
    kinds = {name: loaded.graph.outputs[name].kind for name in wanted}
    raw = raw or any(kind.name not in TYPED for kind in kinds.values())
    tensors: list[dict[str, Any]] = []
    for name, kind in kinds.items():
        tensor = {"name": name, "datatype": kind.name, "shape": outputs[name].shape}
        tensors.append(tensor if raw else tensor | {"contents": to_contents(outputs[name], kind)})
    raws = [to_binary(outputs[name], kind) for name, kind in kinds.items()] if raw else []
    head = _head(loaded.endpoint, loaded.version, loaded.release, loaded.digest)
    # two messages one behind the other are read as one with the fields of both
    body = head + write("ModelInferResponse", id=id_, outputs=tensors, raw_output_contents=raws)
    return Response(200, body, logged=oip.told(loaded, id_, kinds, outputs))


@lru_cache(64)
def _head(name: str, version_: str, release: str, digest: str) -> bytes:
    texts = {"release": release, "digest": digest}
    parameters = {key: CLASSES["InferParameter"](string_param=text) for key, text in texts.items()}
    return write("ModelInferResponse", model_name=name, model_version=version_, parameters=parameters)
