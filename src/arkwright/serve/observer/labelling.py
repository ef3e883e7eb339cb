"""What turned out to be true of earlier answers: labels that callers send, acknowledged when they are on the disk."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from arkwright.core.errors import Refused
from arkwright.serve.tap import asked
from arkwright.serve.tap.labels import Labels, Value
from arkwright.serve.traffic.route import Route
from arkwright.serve.wire.messages import Problem, Reply, Request, Response, come_again, json_response

log = logging.getLogger("arkwright.serve")
Run = Callable[[Callable[[], Future[int]]], Awaitable[Future[int]]]


class Labelling:
    """Of one worker."""

    def __init__(
        self, folder: Callable[[str], Path | None], answer: Callable[[Request, Reply, Response], None]
    ) -> None:
        """`folder`: where an endpoint's answers are logged. `answer`: how a request is answered."""
        self._folder, self._answer = folder, answer
        self._open: dict[str, tuple[Path, Labels]] = {}

    def take(self, route: Route, request: Request, body: bytes, reply: Reply) -> None:
        """Labels of this endpoint's answers. Raises Problem."""
        self._keeping(request, reply, _handed_over(self._kept(route), route, request, body))

    async def take_aside(self, run: Run, route: Route, request: Request, body: bytes, reply: Reply) -> None:
        """The same of many: read where `run` lets them be read. Raises Problem."""
        work = partial(_handed_over, self._kept(route), route, request, body)
        self._keeping(request, reply, await run(work))

    def settled(self) -> None:
        """What endpoints are logged, and where, is as it will be."""
        for name in [name for name, (folder, _) in self._open.items() if self._folder(name) != folder]:
            self._leave(name)

    def close(self) -> None:
        for _, labels in self._open.values():
            labels.close()

    def _leave(self, name: str) -> None:
        labels = self._open.pop(name)[1]
        with contextlib.suppress(RuntimeError):  # no thread is left: that is done by the next there is
            asyncio.get_running_loop().run_in_executor(None, labels.close)

    def _keeping(self, request: Request, reply: Reply, kept: Future[int]) -> None:
        """Answer when these labels are on the disk."""
        done = asyncio.wrap_future(kept)
        done.add_done_callback(partial(self._labelled, request, reply))

    def _kept(self, route: Route) -> Labels:
        """Where the labels of this endpoint go. Raises Problem (409) when none are taken."""
        folder = self._folder(route.name)
        if folder is None:
            raise Problem(409, f"the answers of {route.name} are not logged, so labels would find nothing")
        if route.name in self._open and self._open[route.name][0] != folder:
            self._leave(route.name)
        if route.name not in self._open:
            self._open[route.name] = folder, Labels(folder)
        return self._open[route.name][1]

    def _labelled(self, request: Request, reply: Reply, done: "asyncio.Future[int]") -> None:
        error = done.exception()
        if error is None:
            response = json_response({"labels": done.result()})
        else:
            log.error("labels were not kept: %s", error)
            response = Problem(507, "the labels were not kept; send them again").response()
        self._answer(request, reply, response)


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
