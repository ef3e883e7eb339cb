"""A thread that goes on beside the others while it is entered."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Alongside(ABC):
    """`_run` goes on until `_stopped` is set; leaving waits for it."""

    def __init__(self, name: str) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...
