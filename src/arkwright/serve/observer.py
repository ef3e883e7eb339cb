"""What is noted of each request beside its answer: counters, traces, the access log, the log of predictions.

It is told when a request is given to a release and when its answer is on its way. It never waits and never raises.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import re
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from time import monotonic, perf_counter

from arkwright.core.errors import Refused
from arkwright.core.ports import Logged, Routing
from arkwright.serve.model.arrow.rows import ARROW as ARROW_TYPE
from arkwright.serve.tap import asked
from arkwright.serve.tap.labels import Labels, Value
from arkwright.serve.tap.segment import ARROW, INFER, SHADOW
from arkwright.serve.tap.writer import Tap
from arkwright.serve.telemetry import layout
from arkwright.serve.telemetry.slot import Series
from arkwright.serve.telemetry.telemetry import Call, Telemetry
from arkwright.serve.traffic.job import Job
from arkwright.serve.traffic.lane import Lane
from arkwright.serve.traffic.route import Route
from arkwright.serve.traffic.together import Asked
from arkwright.serve.wire.messages import (
    REQUEST_ID,
    Problem,
    Reply,
    Request,
    Response,
    come_again,
    json_response,
    named,
)

log = logging.getLogger("arkwright.serve")

KINDS = {"predict": layout.PREDICT, "infer": layout.INFER, "grpc": layout.GRPC}
_UNANSWERED = frozenset((429, 499, 503, 504))  # nothing was predicted
_HEAD = b"inference-header-content-length"
_SIZE = re.compile(rb"Inference-Header-Content-Length: (\d+)\r\n")


Computed = Job | Asked
Run = Callable[[Callable[[], Future[int]]], Awaitable[Future[int]]]


class Watched:
    """How one release's requests are noted; what its batcher tells."""

    __slots__ = ("number", "series", "tap", "traced")

    def __init__(self, series: Series, tap: Tap | None, number: int, *, traced: bool) -> None:
        self.series, self.tap, self.number, self.traced = series, tap, number, traced

    def taken(self, jobs: Sequence[Computed]) -> None:
        """These are computed now; the first has waited longest."""
        self.series.queue_age(monotonic() - jobs[0].request.received)
        if self.traced:
            _mark(jobs, "queue")

    def ran(self, jobs: Sequence[Computed]) -> None:
        """They are computed, together."""
        rows = 0
        for job in jobs:
            rows += job.rows
            if (call := job.request.call) is not None:
                call.rows = job.rows
        self.series.batch(rows)
        if self.traced:
            _mark(jobs, "compute")
            for job in jobs:
                if (call := job.request.call) is not None:
                    call.batch = rows


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
        self._taps: dict[str, tuple[Logged, Tap]] = {}
        self._known: dict[tuple[Tap, str], int] = {}
        self._left: list[Tap] = []  # what is still at work may write to them
        self._labels: dict[str, Labels] = {}
        self._speaking: dict[str, Series] = {}  # of each endpoint its release with the largest part
        self._numbered: dict[Tap, list[Series]] = {}  # its releases by their numbers
        self._unsaid: deque[tuple[Series, int, int]] = deque()  # what taps have written and nobody counted
        self._loop = asyncio.get_running_loop()
        self._start, self._numbers = os.urandom(6).hex(), itertools.count(1)

    def follow(self, name: str, routing: Routing, lanes: Sequence[Lane]) -> None:
        """These releases answer for the endpoint from now on."""
        parts = {share.served.release: share.part for share in routing.shares}
        series = self.telemetry.series(name, parts, routing.version)
        self._speaking[name] = series[max((lane.loaded.release for lane in lanes), key=parts.__getitem__)]
        tap = self._tap(name, routing.log)
        for lane in lanes:
            number = self._number(tap, lane, series[lane.loaded.release]) if tap else 0
            traced = self.telemetry.traced
            watched = lane.watched = lane.batcher.listener = Watched(
                series[lane.loaded.release], tap, number, traced=traced
            )
            for together, kind in ((lane.infer, "infer"), (lane.predict, "predict")):
                if together is not None:
                    together.noting = Plainly(self, watched, KINDS[kind])

    def settled(self, names: Collection[str]) -> None:
        """Only these endpoints answer now, and nothing of what left is at work any more."""
        for name in self._taps.keys() - names:
            self._leave(name)
        for name in self._speaking.keys() - names:
            del self._speaking[name]
        left, self._left = self._left, []
        for tap in left:
            self._known = {key: number for key, number in self._known.items() if key[0] is not tap}
            del self._numbered[tap]
            asyncio.get_running_loop().run_in_executor(None, tap.close)  # it writes what it still has

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
            request.id = b"%s-%x" % (self._start.encode(), next(self._numbers))

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
        """All workers' counters, made aside: it takes milliseconds."""
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        kind, body = await asyncio.to_thread(self.telemetry.metrics, accept)
        return Response(200, body, kind.encode("ascii"))

    def labels(self, route: Route, request: Request, body: bytes, reply: Reply) -> None:
        """What turned out to be true of earlier answers; acknowledged when it is on the disk. Raises Problem."""
        self._keeping(request, reply, _handed_over(self._kept(route), route, request, body))

    async def labels_aside(self, run: Run, route: Route, request: Request, body: bytes, reply: Reply) -> None:
        """The same of many: read where `run` lets them be read. Raises Problem."""
        work = partial(_handed_over, self._kept(route), route, request, body)
        self._keeping(request, reply, await run(work))

    def _keeping(self, request: Request, reply: Reply, kept: Future[int]) -> None:
        """Answer when these labels are on the disk."""
        done = asyncio.wrap_future(kept)
        done.add_done_callback(partial(self._labelled, request, reply))

    def _kept(self, route: Route) -> Labels:
        """Where the labels of this endpoint go. Raises Problem (409) when none are taken."""
        if route.name not in self._taps:
            raise Problem(409, f"the answers of {route.name} are not logged, so labels would find nothing")
        if route.name not in self._labels:
            self._labels[route.name] = Labels(self._taps[route.name][0].folder)
        return self._labels[route.name]

    def _labelled(self, request: Request, reply: Reply, done: "asyncio.Future[int]") -> None:
        error = done.exception()
        if error is None:
            response = json_response({"labels": done.result()})
        else:
            log.error("labels were not kept: %s", error)
            response = Problem(507, "the labels were not kept; send them again").response()
        self.apart(request, reply, response)

    def close(self) -> None:
        for labels in self._labels.values():
            labels.close()
        for tap in (*self._left, *(tap for _, tap in self._taps.values())):
            tap.close()
        self._count_written()
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

    def _tap(self, name: str, wanted: Logged | None) -> Tap | None:
        """The endpoint's log as it is asked for now; another one when that changed."""
        there = self._taps.get(name)
        if there and there[0] == wanted:
            return there[1]
        if there:
            self._leave(name)
        if wanted is None:
            return None
        numbered: list[Series] = []
        tap = Tap(
            wanted.folder, name, sample=wanted.sample, redact=wanted.redact, told=partial(self._written, numbered)
        )
        self._taps[name], self._numbered[tap] = (wanted, tap), numbered
        return tap

    def _written(self, numbered: Sequence[Series], release: int, kept: int, lost: int) -> None:
        """Said by the thread of a tap. Counters are the loop's, which is told when it next turns."""
        self._unsaid.append((numbered[release], kept, lost))
        with contextlib.suppress(RuntimeError):  # the loop has ended: `close` counts it
            self._loop.call_soon_threadsafe(self._count_written)

    def _count_written(self) -> None:
        while self._unsaid:
            series, kept, lost = self._unsaid.popleft()
            series.tap(kept=kept, dropped=lost)

    def _leave(self, name: str) -> None:
        self._left.append(self._taps.pop(name)[1])
        if labels := self._labels.pop(name, None):
            asyncio.get_running_loop().run_in_executor(None, labels.close)

    def _number(self, tap: Tap, lane: Lane, series: Series) -> int:
        loaded = lane.loaded
        if (tap, loaded.digest) not in self._known:
            self._numbered[tap].append(series)
            self._known[tap, loaded.digest] = tap.release(loaded.release, loaded.digest, loaded.signature)
        return self._known[tap, loaded.digest]


def _mark(jobs: Sequence[Computed], phase: str) -> None:
    for job in jobs:
        if (call := job.request.call) is not None and call.span is not None:
            call.span.mark(phase)


def _name(request: Request) -> None:
    """As its caller calls it, if it does."""
    if REQUEST_ID in request.headers:
        request.id = named(request.headers) or request.id


def _nobody(response: Response) -> None:
    del response


def _kind(route: Route) -> type[Value]:
    """What a label of this endpoint is."""
    classes = route.first.loaded.signature.classes
    return type(classes[0]) if classes else float


def known_classes(route: Route) -> Collection[Value]:
    """Which labels there can be; none where its releases do not agree, or a shadow's may be others."""
    found = {lane.loaded.signature.classes for lane in route.lanes}
    alike = len({frozenset(classes) for classes in found}) == 1 and not route.shadows
    return found.pop() if alike else ()


def _handed_over(labels: Labels, route: Route, request: Request, body: bytes) -> Future[int]:
    """These labels are read, and on their way to the disk. Raises Problem."""
    try:
        return labels.add(asked.decode(body, _kind(route), known_classes(route)), request.caller)
    except Refused as error:
        raise Problem(503, str(error), come_again()) from None
