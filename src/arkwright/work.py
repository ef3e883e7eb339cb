"""What a worker does: one task per step of the line, in a process of its own, where the user's code runs.

Started as `python -m arkwright.work FOLDER FD` by the process runner; a cluster's job calls the same tasks. Paths and
numbers come in, files and facts go out; nothing here knows the ledger or the store.
"""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Column
from arkwright.core.promises import Reading, judge, parse
from arkwright.core.usercode import describe
from arkwright.data import check, ingest
from arkwright.measures import registry
from arkwright.project import loaded, rehearse
from arkwright.project.loaded import Project
from arkwright.sites import Site

Say = Callable[[str], None]


class Worker:
    """The project in `folder`, loaded once, and the tasks that the line asks for."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.site = Site(folder / ".arkwright")

    @cached_property
    def project(self) -> Project:
        return loaded.load(self.folder)

    def plan(self) -> Any:
        """Rehearse: the graph, or every mistake."""
        return msgspec.to_builtins(rehearse.rehearse(self.project, self.site.tables))

    def fingerprint(self, dataset: str) -> str | None:
        """What tells that a source has not changed; None when only its rows can."""
        source = self.project.spec.data[dataset].source
        assert source
        return ingest.fingerprint(source, self.folder)

    def ingest(self, dataset: str, folder: str) -> Any:
        """A source as typed rows in `rows.parquet`, and the bad ones in `quarantine.parquet`."""
        source = self.project.spec.data[dataset].source
        assert source
        return self._ingest(dataset, source, Path(folder))

    def transform(self, dataset: str, inputs: dict[str, str], folder: str) -> Any:
        """A dataset made by the user's SQL or function, held against its row class when it has one."""
        recipe = self.project.recipe(dataset)
        made = Path(folder) / "made.parquet"
        paths = {name: Path(path) for name, path in inputs.items()}
        if recipe.function is None:
            self.site.tables.write(recipe.sql, paths, made)
        else:
            given = {name: pq.read_table(path) for name, path in paths.items()}
            pq.write_table(rehearse.apply(recipe.function, given), made, compression="zstd")
        return self._ingest(dataset, str(made), Path(folder))

    def _ingest(self, dataset: str, source: str, folder: Path) -> Any:
        found = ingest.ingest(
            source,
            folder=self.folder,
            row=self.project.fields(dataset),
            null=self.project.spec.data[dataset].null,
            out=folder / "rows.parquet",
            quarantine=folder / "quarantine.parquet",
            say=self.say,
        )
        return msgspec.to_builtins(found)

    def measure_data(
        self, dataset: str, paths: dict[str, str], columns: dict[str, list[Any]], promises: list[str]
    ) -> Any:
        """A reading and a verdict for each promise about a dataset, in one pass."""
        typed = {name: msgspec.convert(given, tuple[Column, ...]) for name, given in columns.items()}
        scope = rehearse.scope(self.project, typed, dataset)
        parsed = {text: parse(text) for text in promises}
        bound = {}
        for text, promise in parsed.items():
            where = self.project.sheet.lines.of("data", dataset, "promises", mentioning=text)
            try:
                bound[text] = registry.bind(promise.call, "data", scope)
            except ArkwrightError as error:
                raise type(error)(f"{where}: {error}") from None
        others = {name: Path(path) for name, path in paths.items()}
        own = others.pop(dataset)
        readings = check.measure(own, bound, others=others, row=self.project.fields(dataset), trusted=True)
        return {text: _found(parsed[text], reading) for text, reading in readings.items()}


def _found(promise: Any, reading: Reading) -> dict[str, Any]:
    verdict = judge(promise, reading)
    return {**msgspec.to_builtins(reading), "verdict": verdict.word, "more_rows": verdict.more_rows}


def main(folder: str, answers: int) -> None:
    """Read tasks as JSON lines, answer each on the descriptor `answers`, until the input ends."""
    _die_with_parent()
    with os.fdopen(answers, "w", encoding="utf-8") as out:

        def send(message: dict[str, Any]) -> None:
            out.write(json.dumps(message) + "\n")
            out.flush()

        worker = Worker(Path(folder), lambda text: send({"say": text}))
        for line in sys.stdin:
            asked = json.loads(line)
            try:
                send({"answer": getattr(worker, asked["task"])(**asked["arguments"])})
            except ArkwrightError as error:
                send({"error": type(error).__name__, "message": str(error)})
            except MemoryError:
                send({"error": Invalid.__name__, "message": f"{asked['task']} ran out of memory"})
            except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
                import traceback

                traceback.print_exc()  # into the run's log
                send({"error": "ArkwrightError", "message": f"{asked['task']} failed: {describe(error)}"})


def _die_with_parent() -> None:
    """When the line is killed, whatever works for it ends too (Linux: PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
