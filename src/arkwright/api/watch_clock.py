"""The clock of the watch: every endpoint is watched as often as its terms say, in a process aside."""

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from arkwright.core import versions
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.core.record import encode
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
PROCESS = "arkwright.api.watch_process"  # by name: it brings what counts, and a control room only shows
LOOK = 1.0  # seconds between two looks at what is due
GRACE = 10.0  # seconds in which a round may end that is called off


class Clock:
    """Has endpoints watched while it is entered, beside the control room. Where several do, one at a time does."""

    def __init__(self, site: Site, project: Path) -> None:
        self._site, self._project = site, project
        self._every: dict[str, int] = {}  # seconds, of what promises something
        self._stamp: object | None = None
        self._begun: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(LOOK):
            try:
                if names := self._due():
                    self._round(names)
            except (ArkwrightError, OSError) as error:
                log.error("endpoints are not watched: %s; trying again", error)  # noqa: TRY400
                self._stopped.wait(60)
            except Exception:  # what nobody watches fails in silence
                log.exception("endpoints are not watched; trying again")
                self._stopped.wait(60)

    def _due(self) -> list[str]:
        """Endpoints that promise something, and were not watched for as long as they say."""
        ledger, now = self._site.ledger, time.monotonic()
        stamp = ledger.stamp()
        if stamp is None or stamp != self._stamp:
            known = (versions.resolve(ledger, Endpoint, name) for name in versions.names(ledger, Endpoint))
            self._every = {e.name: seconds(e.terms.every) for e in known if e.terms and e.terms.promises}
            self._stamp = stamp
        found = [name for name, every in self._every.items() if now - self._begun.get(name, -every) >= every]
        self._begun |= dict.fromkeys(found, now)
        return found

    def _round(self, names: list[str]) -> None:
        """A round killed on the way is made good by the next one."""
        site = self._site
        process = subprocess.Popen(
            [sys.executable, "-m", PROCESS, str(site.folder), str(self._project), *names],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("ARKWRIGHT_")},
        )
        with process:
            assert process.stdin
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(encode(dict(site.engines)).encode() + b"\n")
                process.stdin.close()
            while not self._stopped.is_set():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    if code := process.wait(LOOK):
                        log.error("a round of the watch ended (%d); it is made good by the next one", code)
                    return
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
