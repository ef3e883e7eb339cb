"""Raw rows in, predictions out: what people and their services call."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import orjson

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.usercode import describe
from arkwright.serve.model.answers import Reader, reader, said
from arkwright.serve.model.arrow.answer import arrow_response, load
from arkwright.serve.model.arrow.rows import ARROW
from arkwright.serve.model.arrow.wanted import asks_for_arrow, takes_json
from arkwright.serve.model.loaded import Loaded
from arkwright.serve.model.plain_rows import wrapped
from arkwright.serve.model.slices import SLICE, let_go
from arkwright.serve.model.tensors import Tensors
from arkwright.serve.rest.guarded import Visit, told_alone
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.wire.messages import JSON, Problem, Reply, Request, Response

Tell = Callable[[Loaded, bool, Sequence[bytes]], Response]


class _Asked(msgspec.Struct, eq=False):
    """One request's rows: three methods of one object are made faster than three partial functions."""

    loaded: Loaded
    read: Reader
    tell: Tell
    rows: list[Any]
    alone: bool
    count: int

    def prepare(self) -> Tensors:
        tensors = _prepared(self.loaded, self.rows, self.alone)
        if self.count > SLICE:
            let_go(self.rows)  # else a million would be let go at once, by the loop
        return tensors

    def finish(self, outputs: Tensors) -> Response:
        try:
            texts = said(self.read, self.count, outputs)
        except Problem as problem:
            raise told_alone(problem) if self.alone else problem from None
        return self.tell(self.loaded, self.alone, texts)


def predict(lane: Lane, request: Request, body: bytes, reply: Reply, deadline: float) -> Job:
    """One row or a list of rows, in JSON or as an Arrow stream, ready to be computed.

    Raises Problem: 400 is neither, 422 is no such row.
    """
    loaded, read = lane.loaded, lane.read
    if not loaded.fast:
        lane.batcher.must_have_room()  # before any work is done for it
    if loaded.guards is not None:
        _only_json(loaded, request)
    kind = request.headers.get(b"content-type")
    tell = _arrow if b"accept" in request.headers and asks_for_arrow(request.headers) else _wrapped
    if tell is _arrow:
        load()  # on a thread, where it takes long
    if kind is not None and kind != JSON and kind.lower().startswith(ARROW):
        stream = loaded.arrow.open(body)
        prepare = partial(loaded.arrow.tensors, stream)
        finish = partial(_finished, loaded, read, tell, stream.rows)
        return Job(request, stream.rows, loaded.fast, prepare, finish, reply, deadline)
    rows, alone = loaded.rows.decode(body)
    if loaded.guards is not None:
        visit = Visit(loaded, loaded.guards, read, rows, alone)
        return Job(request, len(rows), loaded.fast, visit.prepare, visit.finish, reply, deadline)
    asked = _Asked(loaded, read, tell, rows, alone, len(rows))
    return Job(request, len(rows), loaded.fast, asked.prepare, asked.finish, reply, deadline)


def _only_json(loaded: Loaded, request: Request) -> None:
    """Raises Problem for an Arrow stream to rules, which judge a row at a time and name the rule that answered it."""
    if request.headers.get(b"content-type", b"").lower().startswith(ARROW):
        raise Problem(415, f"{loaded.endpoint} has rules, which judge rows in JSON; send no Arrow stream")
    if asks_for_arrow(request.headers) and not takes_json(request.headers):
        raise Problem(406, f"{loaded.endpoint} has rules, and answers name them in JSON; ask for application/json")


def answer_once(loaded: Loaded, read: Reader, body: bytes) -> bytes:
    """The body of the answer to one request, computed as the server computes it, without a loop or a socket.

    Raises Problem where the server refuses, and what the project's code and the graph raise.
    """
    rows, alone = loaded.rows.decode(body)
    if loaded.guards is not None:
        return Visit(loaded, loaded.guards, read, rows, alone).answer().body
    asked = _Asked(loaded, read, _wrapped, rows, alone, len(rows))
    return asked.finish(loaded.graph.run(asked.prepare())).body


def predict_once(loaded: Loaded, rows: bytes) -> Any:
    """What the endpoint answers to one row or a list of rows, in JSON. Raises Invalid with the server's words, and
    ArkwrightError with them where the model failed.
    """
    try:
        return orjson.loads(answer_once(loaded, reader(loaded.signature, loaded.graph), rows))
    except Problem as problem:
        if (cause := problem.__cause__) is not None:  # whoever asks here may know what the server's log says
            why = str(cause) if isinstance(cause, ArkwrightError) else describe(cause)
            raise Invalid(f"{problem.message.partition(':')[0]}: {why}") from cause
        kind = Invalid if problem.status < 500 else ArkwrightError
        raise kind(problem.message) from None
    except ArkwrightError:
        raise
    except Exception as error:  # onnxruntime has no public class for its errors
        raise Invalid(f"the model failed on these rows: {describe(error)}") from error


def _prepared(loaded: Loaded, rows: Sequence[Any], alone: bool) -> Tensors:  # noqa: FBT001
    try:
        return loaded.prepare(rows)
    except Problem as problem:
        if alone:
            raise told_alone(problem) from problem.__cause__
        raise


def _finished(loaded: Loaded, read: Reader, tell: Tell, rows: int, outputs: Tensors) -> Response:
    return tell(loaded, False, said(read, rows, outputs))  # noqa: FBT003 - a stream always has rows


def _wrapped(loaded: Loaded, alone: bool, said: Sequence[bytes]) -> Response:  # noqa: FBT001
    return Response(200, wrapped(loaded, said, alone=alone), headers=loaded.headers)


def _arrow(loaded: Loaded, alone: bool, said: Sequence[bytes]) -> Response:  # noqa: FBT001
    response = arrow_response(said, release=loaded.release, digest=loaded.digest, headers=loaded.headers)
    response.logged = _wrapped(loaded, alone, said).body
    return response
