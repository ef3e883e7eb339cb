"""The protocol's calls: the bytes of a message in, the bytes of the answer out. A refusal is raised as a Problem."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from math import inf
from typing import Any, Protocol

import orjson

from arkwright.core.errors import did_you_mean
from arkwright.core.record import NAME
from arkwright.serve.grpc.asked import Asked
from arkwright.serve.grpc.compressed import coding, short
from arkwright.serve.grpc.contents import typed
from arkwright.serve.grpc.messages import CLASSES, Message, read, write
from arkwright.serve.grpc.tensors import TYPED, framed
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.requests import unguarded
from arkwright.serve.model.tensors import Tensors, to_binary
from arkwright.serve.rest import oip
from arkwright.serve.rest.aside import Aside
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.wire.inflate import inflated
from arkwright.serve.wire.messages import GONE, LATE, Problem, Reply, Request, Response

LONG = 2**16  # bytes of a message; what is longer is read aside
_TENSOR = CLASSES["ModelInferResponse"].InferOutputTensor
_CLOCKS = 0.02  # seconds by which a caller's clock may differ: its deadline is told as what is left of it


Run = Callable[[Callable[[], Any]], Awaitable[Any]]


class Door(Protocol):
    """What the calls need of the server they are in. `aside` is where long messages are read."""

    aside: Aside
    repository: bool  # whether clients may load and unload

    def names(self) -> Sequence[str]:
        """The endpoints."""

    def ready(self, name: str | None) -> bool:
        """Whether this endpoint answers, or the server. Raises Problem (404) for an unknown name."""

    def versions(self, name: str) -> Sequence[str]:
        """The versions behind an endpoint, the newest first. Raises Problem (404)."""

    def speaking(self, name: str) -> str:
        """The version that speaks for it. Raises Problem (404)."""

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

    def keeps(self, lane: Lane) -> bool:
        """Whether the log or the shadows of the endpoint read its requests, as REST has them."""

    def asked(self, lane: Lane, request: Request, *, kept: bool) -> None:
        """The request is read; its body is as REST has it by now, if it was to be kept."""


class Service:
    """Every call but the streams, by name: `calls` answer at once, `infer` when the model has run."""

    def __init__(self, door: Door, longest: int) -> None:
        """`longest`: the bytes that a compressed message may hold."""
        self._door, self._longest = door, longest
        self._about = write("ServerMetadataResponse", **oip.about(repository=door.repository))
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
        message = short(body, LONG)
        if message is not None:
            return await self._infer(message, request, remaining, None)
        aside, coded = self._door.aside, coding(body)
        async with aside.place(self._longest if coded else len(body)) as place:
            if coded:
                body = await aside.run(partial(inflated, body, coded, self._longest))
                place.shrink(len(body))
            return await self._infer(body, request, remaining, aside.run)

    async def _infer(self, body: bytes, request: Request, remaining: float | None, run: Run | None) -> bytes:
        """`run`: where a long one is read; a short one is read here."""
        request.body = body  # by which it is known, should it end the process
        asked = await run(partial(Asked.of, body, long=True)) if run else Asked.of(body, long=False)
        lane = self._door.pick(asked.message.model_name, asked.message.model_version or None, request)
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        reply = self._door.noted(lane, request, partial(_settle, answered))
        left = inf if remaining is None else remaining
        lane.reading += 1
        try:
            kept = self._door.keeps(lane)
            read_ = partial(self._job, lane, asked, request, reply, left, kept=kept)
            job = await run(read_) if run else read_()
            self._door.asked(lane, request, kept=kept)
            job.long = run is not None
            lane.batcher.add(job)
        except Problem as problem:
            reply(problem.response())
        except asyncio.CancelledError:
            request.gone = self._why_gone(lane, request, left)
            asyncio.get_running_loop().call_soon(_give_up, request, reply)
            raise
        except Exception:
            reply(Problem(500, "the server failed on this request; its log says why").response())
            raise
        finally:
            lane.reading -= 1
        try:
            response = await answered
        except asyncio.CancelledError:
            request.gone = self._why_gone(lane, request, left)
            raise
        if response.status != 200:
            raise Problem(response.status, orjson.loads(response.body)["error"], response.headers)
        return response.body

    def _why_gone(self, lane: Lane, request: Request, left: float) -> int:
        return LATE if lane.batcher.now() > request.received + left - _CLOCKS else GONE

    def _job(self, lane: Lane, asked: Asked, request: Request, reply: Reply, left: float, *, kept: bool) -> Job:
        """The request, read. Raises Problem."""
        loaded = lane.loaded
        unguarded(loaded)
        inputs = asked.inputs(loaded.graph)
        wanted = asked.wanted(loaded.graph)
        finish = partial(_respond, loaded, asked.message.id, wanted, bool(asked.raws), kept)
        deadline = request.received + min(left, asked.timeout())
        if kept:
            request.body, request.json = oip.request(loaded, inputs, wanted)
        rows = max(len(array) for array in inputs.values())
        return Job(request, rows, fast=True, prepare=lambda: inputs, finish=finish, reply=reply, deadline=deadline)

    def _model_ready(self, body: bytes, request: Request) -> bytes:
        asked = read("ModelReadyRequest", body)
        if asked.version:
            self._door.pick(asked.name, asked.version, request)
        return write("ModelReadyResponse", ready=self._door.ready(asked.name))

    def _model_metadata(self, body: bytes, request: Request) -> bytes:
        asked = read("ModelMetadataRequest", body)
        versions = self._door.versions(asked.name)
        version = asked.version or self._door.speaking(asked.name)
        about = oip.metadata(self._door.pick(asked.name, version, request).loaded)
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
        _check_move(asked)
        await self._door.move(verb, asked.model_name)
        return write(f"{message}Response")


def _check_move(asked: Message) -> None:
    """Raises Problem (400) for what is not done here, as over REST: passed over, it would be thought obeyed."""
    if asked.repository_name:
        raise Problem(400, "there is one repository here; leave repository_name empty")
    for name, value in asked.parameters.items():
        if name != "unload_dependents":
            near = did_you_mean(name[:80], ["unload_dependents"])
            raise Problem(400, f"the repository cannot do that: unknown parameter {name[:80]!r}{near}")
        if value.WhichOneof("parameter_choice") != "bool_param":
            raise Problem(400, "the repository cannot do that: unload_dependents is true or false")


def _give_up(request: Request, reply: Reply) -> None:
    """By now it is known whether its caller left or was told that the time is over."""
    reply(Problem(request.gone, "nobody waits any more").response())


def _settle(answered: "asyncio.Future[Response]", response: Response) -> None:
    if not answered.done():  # the caller has left
        answered.set_result(response)


def _respond(
    loaded: Loaded,
    id_: str,
    wanted: Sequence[str],
    raw: bool,  # noqa: FBT001
    kept: bool,  # noqa: FBT001
    outputs: Tensors,
) -> Response:
    """Raw when the request was, or when an output has no typed contents; a message has all its tensors one way."""
    kinds = {name: loaded.graph.outputs[name].kind for name in wanted}
    raw = raw or any(kind.name not in TYPED for kind in kinds.values())
    parts = [_head(loaded.endpoint, loaded.version, loaded.release, loaded.digest)]
    if id_:
        parts += framed(3, id_.encode())
    for name, kind in kinds.items():
        array = outputs[name]
        about = _about(name, kind.name, array.shape)
        parts += framed(5, about) if raw else framed(5, about, *framed(5, *typed(array, kind)))
    if raw:
        for name, kind in kinds.items():
            parts += framed(6, to_binary(outputs[name], kind))
    # messages one behind the other are read as one with the fields of all
    logged, head = oip.told(loaded, kinds, outputs) if kept else (None, 0)
    return Response(200, b"".join(parts), logged=logged, logged_head=head)


@lru_cache(256)
def _about(name: str, datatype: str, shape: tuple[int, ...]) -> bytes:
    """An output but its contents."""
    return bytes(_TENSOR(name=name, datatype=datatype, shape=shape).SerializeToString())


@lru_cache(64)
def _head(name: str, version_: str, release: str, digest: str) -> bytes:
    texts = {"release": release, "digest": digest}
    parameters = {key: CLASSES["InferParameter"](string_param=text) for key, text in texts.items()}
    return write("ModelInferResponse", model_name=name, model_version=version_, parameters=parameters)
