"""A process beside this one, kept alive: when it ends by itself, or is killed, another takes its place."""

import logging
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

AGAIN_S = 30.0  # until another is started: what ends at once must not take a processor
LOOK_S = 1.0
log = logging.getLogger("arkwright.serve")


@contextmanager
def kept_alive(command: Sequence[str], does: str, again: float = AGAIN_S) -> Iterator[None]:
    """As long as the block runs; ended by SIGTERM behind it. `does`: what the log calls it.

    One thread starts all of them and lives as long as they do: some end with the thread that they were started by.
    """
    over = threading.Event()
    keeping = threading.Thread(target=_keep, args=(command, does, again, over), name="arkwright-beside", daemon=True)
    keeping.start()
    try:
        yield
    finally:
        over.set()
        keeping.join()


def _keep(command: Sequence[str], does: str, again: float, over: threading.Event) -> None:
    while not over.is_set():
        try:
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as process:
                while process.poll() is None and not over.wait(LOOK_S):
                    pass
                process.terminate()
                process.send_signal(signal.SIGCONT)  # one that was halted can end now
        except OSError as error:
            log.error("what %s cannot be started: %s; trying again", does, error.strerror)  # noqa: TRY400
        else:
            if not over.is_set():
                log.warning("what %s ended (%s); another takes its place", does, process.returncode)
        over.wait(again)
