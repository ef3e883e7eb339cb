"""What was written is forced to the disk by a thread of its own, which may take as long as the disk does."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from queue import SimpleQueue

from arkwright.serve.tap.appending import SegmentFile

Counts = Mapping[int, int]  # of each release, so many records
Forced = Callable[[Counts, OSError | None], None]
log = logging.getLogger("arkwright.serve")


class Forcing:
    """Forces segments and closes them, in the order in which it is asked."""

    def __init__(self, endpoint: str, forced: Forced) -> None:
        """`forced` is told of every record that `ask` spoke of, by this thread."""
        self._endpoint, self._forced = endpoint, forced
        self._asked: SimpleQueue[tuple[SegmentFile, Counts | None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"force-{endpoint}", daemon=True)

    def begin(self) -> None:
        """Once. Raises RuntimeError where no thread can be started: then another time."""
        if self._thread.ident is None:
            self._thread.start()

    def ask(self, file: SegmentFile, counts: Counts) -> None:
        """So many more records were written."""
        self._asked.put((file, counts))

    def leave(self, file: SegmentFile) -> None:
        """Nothing more is written to it: close it when all that was asked before is done."""
        self._asked.put((file, None))

    def close(self, timeout_s: float) -> None:
        self._asked.put(None)
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            try:
                self._do(*asked)
            except Exception:  # a mistake of ours must not end the log
                log.exception("%s: the tap failed", self._endpoint)

    def _do(self, file: SegmentFile, counts: Counts | None) -> None:
        if counts is None:
            file.close()
            return
        failed: OSError | None = None
        try:
            file.sync()
        except OSError as error:
            failed = error
        self._forced(Counter(counts), failed)
