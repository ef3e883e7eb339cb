"""The endpoints beside the control room: `arkwright serve` as a child, on a socket in a folder that is ours alone.

It is started when an endpoint has a release, started again when it ends, and ends with us, however we end.
"""

import contextlib
import logging
import subprocess
import threading
from pathlib import Path
from typing import Self

from arkwright.api import child
from arkwright.control import plane_process
from arkwright.core import versions
from arkwright.core.alongside import Alongside
from arkwright.core.errors import ArkwrightError
from arkwright.core.held import temporary
from arkwright.core.nouns import Endpoint
from arkwright.sites import Site

log = logging.getLogger("arkwright.control")
LOOK, LONGEST_PAUSE = 0.5, 30.0  # seconds: between two looks for a first endpoint; before it is tried again
GRACE = 45.0  # seconds in which it answers what is in flight


class Plane(Alongside):
    """Keeps the endpoints of a site answering while it is entered. `address`: the path of the socket."""

    def __init__(self, site: Site, project: Path) -> None:
        super().__init__("endpoints")
        self._site, self._project = site, project
        self._held = contextlib.ExitStack()
        folder = self._held.enter_context(temporary("arkwright-endpoints"))  # nobody else may look into it
        self.address = str(folder / "endpoints")
        self._answers, self._wanted = threading.Event(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def ready(self) -> bool:
        """Whether all that was promoted can be asked; where nothing is, nothing is waited for."""
        return self._answers.is_set() or not self._wanted.is_set()

    def __enter__(self) -> Self:
        """What is wanted is known from the beginning: nobody is told that all answers before it does."""
        self._look()
        return super().__enter__()

    def __exit__(self, *_: object) -> None:
        """What is in flight is answered."""
        self._stopped.set()
        if process := self._process:
            process.terminate()
        super().__exit__()
        self._held.close()

    def _run(self) -> None:
        pause = LOOK
        while not self._stopped.wait(pause):
            try:
                if self._look():
                    pause = LOOK if self._serve() else min(pause * 2, LONGEST_PAUSE)
            except Exception as error:  # endpoints that nobody serves would be asked for ever
                pause = min(pause * 2, LONGEST_PAUSE)
                foreseen = isinstance(error, ArkwrightError | OSError)
                log.exception("the endpoints are not served: %s; trying again", error, exc_info=not foreseen)  # noqa: TRY401

    def _look(self) -> bool:
        """Whether any endpoint was ever promoted."""
        if not self._wanted.is_set() and versions.names(self._site.ledger, Endpoint):
            self._wanted.set()
        return self._wanted.is_set()

    def _serve(self) -> bool:
        """Until it ends; whether it ever answered."""
        words = (str(self._project), self.address)
        with child.begin(self._site, plane_process.__name__, *words, output=subprocess.PIPE) as process:
            self._process = process
            if self._stopped.is_set():
                process.terminate()
            assert process.stdout
            answered = bool(process.stdout.readline())  # it says one line: where it answers
            if answered:
                self._answers.set()
            code = self._wait(process)
            self._answers.clear()
        if not self._stopped.is_set():
            log.error("the server of the endpoints ended (%d); it is started again", code)
        return answered

    def _wait(self, process: "subprocess.Popen[bytes]") -> int:
        while not self._stopped.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(LOOK)
        try:
            return process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
