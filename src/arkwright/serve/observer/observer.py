"""Notes requests of one worker and what became of them.

It is told when a request is given to a release and when its answer is on its way. It never waits and never raises.
"""

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic, perf_counter, time_ns
from typing import Any

from arkwright.core.ports import Routing
from arkwright.serve.model.arrow.rows import ARROW as ARROW_TYPE
from arkwright.serve.observer.labelling import Labelling
from arkwright.serve.observer.taps import Taps
from arkwright.serve.observer.watched import Computed, Watched
from arkwright.serve.tap.segment import ARROW, INFER, SHADOW
from arkwright.serve.tap.writer import Tap
from arkwright.serve.telemetry import layout
from arkwright.serve.telemetry.slot import Series
from arkwright.serve.telemetry.telemetry import Call, Telemetry
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.traffic.together import Asked
from arkwright.serve.wire.messages import (
    REQUEST_ID,
    Problem,
    Reply,
    Request,
    Response,
    named,
)

KINDS = {"predict": layout.PREDICT, "infer": layout.INFER, "grpc": layout.GRPC}
_UNANSWERED = frozenset((429, 499, 503, 504))  # nothing was predicted
_HEAD = b"inference-header-content-length"
_SIZE = re.compile(rb"Inference-Header-Content-Length: (\d+)\r\n")


class Plainly:
    """How the plain requests of one kind to one release are noted."""

    def __init__(self, observer: "Observer", watched: Watched, kind: int) -> None:
        self._observer, self._watched, self._kind = observer, watched, kind

    def taken(self, jobs: Sequence[Computed]) -> None:
        self._watched.taken(jobs)

    def ran(self, jobs: Sequence[Computed]) -> None:
        if self._observer.telemetry.asked:
            self._watched.ran(jobs)
        else:
            self._watched.series.batch(sum([job.rows for job in jobs]))

    def came(self, received: Sequence[float]) -> None:
        series = self._watched.series
        series.begin(len(received))
        series.queue_age(monotonic() - received[0])

    def failed(self, received: Sequence[float]) -> None:
        self._watched.series.begin(-len(received))

    def ids(self, batch: Any) -> list[bytes] | None:
        return batch.ids if self._watched.tap is None else self._observer.called(batch)

    def went(
        self, batch: Any, ids: list[bytes] | None, said: list[bytes],
        began: float, ran: float,
    ) -> None:  # fmt: skip
        series, now = self._watched.series, monotonic()
        seconds = [now - one for one in batch.received]
        series.batch(batch.rows)
        series.observe_good(self._kind, seconds, batch.rows)
        if self._observer.telemetry.asked:
            phases = ("queue", began), ("compute", ran), ("encode", now)
            self._observer.telemetry.went(series, self._kind, batch, ids, [len(one) for one in said], seconds, phases)
        if ids is not None and (tap := self._watched.tap) is not None:
            self._observer.logged(tap, self._watched, batch, ids, said, now)

    def began(self, request: Request) -> None:
        self._observer.note(self._watched, self._kind, request)
        if request.call.span is not None:
            request.call.span.since(request.received)
            request.call.span.mark("decode")

    def answered(self, jobs: Sequence[Asked], bodies: Sequence[bytes]) -> None:
        observer, watched, now = self._observer, self._watched, monotonic()
        if not observer.telemetry.asked:  # nobody asks for more than the count
            seconds = [now - job.request.received for job in jobs]
            watched.series.observe_good(self._kind, seconds, sum([job.rows for job in jobs]))
            if watched.tap is None:
                return
        observer.plainly(watched, jobs, bodies)


class Observer:
    """Of one worker."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self._flags = SHADOW if telemetry.shadow else 0
        self._taps = Taps()
        self.labels = Labelling(self._taps.folder, self.apart)
        self._speaking: dict[str, Series] = {}  # of each endpoint its release with the largest part
        self._start, self._number = os.urandom(6).hex().encode(), 1

    def follow(self, name: str, routing: Routing, lanes: Sequence[Lane]) -> None:
        """These releases answer for the endpoint from now on."""
        parts = {share.served.release: share.part for share in routing.shares}
        series = self.telemetry.series(name, parts, routing.version)
        self._speaking[name] = series[max((lane.loaded.release for lane in lanes), key=parts.__getitem__)]
        tap = self._taps.of(name, routing.log)
        for lane in lanes:
            number = self._taps.number(tap, lane, series[lane.loaded.release]) if tap else 0
            traced = self.telemetry.traced
            watched = lane.watched = lane.batcher.listener = Watched(
                series[lane.loaded.release], tap, number, traced=traced
            )
            for together, kind in ((lane.infer, "infer"), (lane.predict, "predict")):
                if together is not None:
                    together.follow(Plainly(self, watched, KINDS[kind]))

    def settled(self, routes: Mapping[str, Route]) -> None:
        """Only these answer now, and nothing of what left is at work any more."""
        for name in self._speaking.keys() - routes.keys():
            del self._speaking[name]
        self._taps.settled(routes, {lane.watched.tap for route in routes.values() for lane in route.lanes})
        self.labels.settled()

    def began(self, lane: Lane, kind: str, request: Request, body: bytes, reply: Reply) -> Reply:
        """A request is given to a release: what to reply through."""
        if request.call is None:  # else it comes from the short way
            self.note(lane.watched, KINDS[kind], request)
        return partial(self._done, request.call, lane, request, body, reply)

    def note(self, watched: Watched, kind: int, request: Request) -> None:
        """A request is given to a release."""
        request.call = self.telemetry.start(watched.series, kind, request.headers)
        _name(request)
        if not request.id and watched.tap is not None:
            request.id = b"%b-%x" % (self._start, self._number)
            self._number += 1

    def called(self, batch: Any) -> list[bytes]:
        """A name for each request that `native` read, its own if it has one."""
        first = self._number
        self._number += batch.count
        return batch.names(self._start, first)  # type: ignore[no-any-return]

    def logged(self, tap: Tap, watched: Watched, batch: Any, ids: list[bytes], said: list[bytes], now: float) -> None:
        """Requests for inference that `native` read were answered well, `now` by the clock `monotonic`."""
        number, flags = watched.number, self._flags | INFER
        if tap.plain:
            try:
                kept = tap.add_packed(number, batch.count, batch.records(ids, said, now, time_ns(), number, flags))
            except MemoryError:
                kept = False
            if not kept:
                watched.series.tap(dropped=batch.count)
            return
        for id_, job, answer in zip(ids, batch.jobs, said, strict=True):
            caller, took = job.connection.caller.encode(), int((now - job.received) * 1e6)
            noted = tap.add(number, id_, caller, job.body, answer, took, 200, flags)
            if not noted:
                watched.series.tap(dropped=noted is False, left_out=noted is None)

    def plainly(self, watched: Watched, jobs: Sequence[Asked], bodies: Sequence[bytes]) -> None:
        """Plain requests were answered well, by these bodies."""
        for job, body in zip(jobs, bodies, strict=True):
            request, response = job.request, Response(200, body)
            if self.telemetry.asked:
                if request.call.span is not None:
                    request.call.span.mark("encode")
                self._told(request.call, request, response)
            if watched.tap is not None and request.id:  # else it came before the log
                self._log(watched.tap, watched, request.call, request, request.body, response)

    def decoded(self, request: Request) -> None:
        if request.call is not None and request.call.span is not None:
            request.call.span.marks.clear()  # of the short way, which was left
            request.call.span.mark("decode")

    def apart(self, request: Request, reply: Reply, response: Response) -> None:
        """Answer what was given to no release."""
        reply(response)
        call = request.call  # it was given to a release that is gone
        if call is None:
            call = self.telemetry.start(self.telemetry.nobody, layout.OTHER_KIND, request.headers)
            call.began = request.received or call.began
        _name(request)
        self._told(call, request, response)

    def limited(self, request: Request, response: Response) -> None:
        """A client sent too much."""
        self._limited(request).rate_limited()
        self.answered(request, response)

    def _limited(self, request: Request) -> Series:
        """Of the endpoint that was meant, if there is such: of what speaks for it, since no release was picked."""
        if request.lane is not None:
            series: Series = request.lane.watched.series
            return series
        match request.path.split("/"):
            case ["", "endpoints", name, *_] | ["", "v2", "models", name, *_]:
                return self._speaking.get(name, self.telemetry.nobody)
            case ["", "predict"] if len(self._speaking) == 1:
                return next(iter(self._speaking.values()))
        return self.telemetry.nobody

    def answered(self, request: Request, response: Response) -> None:
        """It was given to no release, and is answered already; it may never have been a whole request."""
        self.apart(request, _nobody, response)

    def shed(self, lane: Lane, kind: str) -> bool:
        """A request was refused before it was looked at; False when more is to be told of it than that."""
        if not self.telemetry.asked:
            lane.watched.series.refused(KINDS[kind])
        return not self.telemetry.asked

    def mirrored(self, lane: Lane, *, dropped: bool) -> None:
        lane.watched.series.shadow(dropped=dropped)

    async def metrics(self, request: Request) -> Response:
        """All workers' counters, made aside: it takes milliseconds. Raises Problem (503) where no thread is left."""
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        try:
            made = asyncio.get_running_loop().run_in_executor(None, self.telemetry.metrics, accept)
        except RuntimeError:
            raise Problem(503, "no thread is left to make the metrics; try again", b"Retry-After: 1\r\n") from None
        kind, body = await made
        return Response(200, body, kind.encode("ascii"))

    def close(self) -> None:
        self.labels.close()
        self._taps.close()
        self.telemetry.close()

    def _done(self, call: Call, lane: Lane, request: Request, body: bytes, reply: Reply, response: Response) -> None:
        reply(response)
        if not request.id and not self.telemetry.asked:  # nobody asks for more than the count
            call.series.observe(call.kind, request.gone or response.status, perf_counter() - call.began, call.rows)
            return
        if call.span is not None:
            call.span.mark("encode")
        self._told(call, request, response)
        watched: Watched = lane.watched  # as it is logged by now
        if watched.tap is not None and request.id and (request.gone or response.status) not in _UNANSWERED:
            self._log(watched.tap, watched, call, request, body, response)

    def _log(self, tap: Tap, watched: Watched, call: Call, request: Request, body: bytes, response: Response) -> None:
        flags, head, answered = self._flags, 0, 0
        if call.kind != layout.PREDICT:
            flags |= INFER
        elif request.headers.get(b"content-type", b"").lower().startswith(ARROW_TYPE):
            flags |= ARROW
        if call.kind == layout.INFER and response.status == 200:  # what was refused may hold any number
            head = int(request.headers.get(_HEAD, b"0"))
            if found := _SIZE.search(response.headers):
                answered = int(found[1])
        took = int((monotonic() - request.received) * 1e6)
        caller = request.caller.encode()
        if call.kind == layout.GRPC and response.status == 200 and response.logged is None:
            return  # it came before the log, so that it is not told as REST tells it
        answer = response.body if response.logged is None else response.logged
        if call.kind == layout.GRPC:
            body, head, answered = request.body, request.json, response.logged_head  # as REST has them by now
        noted = tap.add(watched.number, request.id, caller, body, answer, took, response.status, flags, head, answered)
        if not noted:  # else it is counted when it is on the disk
            watched.series.tap(dropped=noted is False, left_out=noted is None)

    def _told(self, call: Call, request: Request, response: Response) -> None:
        self.telemetry.done(
            call,
            request.gone or response.status,  # what the caller got, and not what came too late for it
            0 if request.gone else len(response.body),
            caller=request.caller,
            method=request.method,
            path=request.path,
            request_id=request.id.decode(),
        )


def _name(request: Request) -> None:
    """As its caller calls it, if it does."""
    if REQUEST_ID in request.headers:
        request.id = named(request.headers) or request.id


def _nobody(response: Response) -> None:
    del response
