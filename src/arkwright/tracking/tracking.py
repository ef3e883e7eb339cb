"""Runs that clients log by hand, in one place: what is written by `submit`, and every look at it."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from arkwright.core.ports import Store
from arkwright.tracking import found, inputs, points, registry, runs, searching, versions
from arkwright.tracking.artifacts import Artifacts
from arkwright.tracking.database import Database
from arkwright.tracking.found import Hit
from arkwright.tracking.inputs import Links
from arkwright.tracking.runs import ACTIVE, Experiment, Tracked
from arkwright.tracking.searching import Found

P = ParamSpec("P")
T = TypeVar("T")
DEFAULT = "Default"  # the experiment of runs that name none; its id is 0
Curve = list[tuple[int, int, float]]


class Tracking:
    """`folder` holds the database, `store` the bytes of files. Safe for many threads and processes.

    Raises Missing, Refused or Corrupt where the database cannot be opened.
    """

    def __init__(self, folder: Path, store: Store) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.database = Database(folder / "tracking.db", idle=found.follow)
        self.artifacts = Artifacts(self.database, store)
        if not self.database.read(lambda db: db.execute("SELECT 1 FROM experiment WHERE id = 0").fetchone()):
            self.database.write(runs.experiment_called, DEFAULT)

    def close(self) -> None:
        """Finish what was submitted, and let go of the files."""
        self.database.close()

    def submit(self, operation: Callable[Concatenate[Any, P], T], *given: P.args, **named: P.kwargs) -> "Future[T]":
        """One of the functions that write (of `runs`, `inputs`, `registry` …), without its connection.

        The future is done when it is on the disk; what is submitted together shares one commit.
        """
        return self.database.submit(operation, *given, **named)

    def look(self, operation: Callable[Concatenate[Any, P], T], *given: P.args, **named: P.kwargs) -> T:
        """One of the functions of `registry`, `versions`, `models` or `listing` that write nothing, in one snapshot."""
        return self.database.read(operation, *given, **named)

    def remove_version(self, name: str, number: int) -> None:
        """A version of a registered model with its files. Raises Unknown, Invalid."""
        self.artifacts.forget(self.database.write(versions.remove, name, number))

    def remove_registered(self, name: str) -> None:
        """A registered model with all its versions. Raises Unknown, Invalid."""
        self.artifacts.forget(self.database.write(registry.remove, name))

    def experiment(self, *, id: int | None = None, name: str | None = None) -> Experiment:  # noqa: A002
        """One experiment by its id or its name, deleted ones too. Raises Unknown."""
        return self.database.read(runs.get_experiment, id=id, name=name)

    def experiments(
        self,
        *,
        filter: str = "",  # noqa: A002 - what MLflow calls it
        order: Sequence[str] = (),
        stage: str | None = ACTIVE,
        limit: int = 100,
        after: str = "",
    ) -> Found[Experiment]:
        """Experiments, the last made first unless `order` says otherwise; `stage` None: deleted ones too.

        `filter` and `order` are MLflow's words: "name LIKE 'wool%' AND tags.team = 'north'". Raises Invalid.
        """
        return self.database.read(
            searching.search_experiments, filter=filter, order=order, stage=stage, limit=limit, after=after
        )

    def run(self, uid: str) -> Tracked:
        """One run with its parameters, tags and the latest point of each metric. Raises Unknown, Invalid."""
        self._reap()
        return self.database.read(runs.get, uid)

    def _reap(self) -> None:
        """Runs of ours whose process has died have failed."""
        if self.database.read(runs.lost):
            self.database.write(runs.reap)

    def runs(
        self,
        *,
        filter: str = "",  # noqa: A002 - what MLflow calls it
        order: Sequence[str] = (),
        experiments: Sequence[int] | None = None,
        stage: str | None = ACTIVE,
        limit: int = 100,
        after: str = "",
    ) -> Found[Tracked]:
        """Runs, the newest first unless `order` says otherwise; `experiments` None: of all. Raises Invalid.

        `filter` and `order` are MLflow's words: "metrics.loss < 0.1 and params.lr = '0.01'", "metrics.loss ASC".
        """
        self._reap()
        return self.database.read(
            searching.search_runs,
            filter=filter,
            order=order,
            experiments=experiments,
            stage=stage,
            limit=limit,
            after=after,
        )

    def count(
        self,
        *,
        filter: str = "",  # noqa: A002
        experiments: Sequence[int] | None = None,
        stage: str | None = ACTIVE,
    ) -> int:
        """How many runs `runs` would list on all its pages. Raises Invalid."""
        self._reap()
        return self.database.read(searching.count_runs, filter=filter, experiments=experiments, stage=stage)

    def search(self, text: str, kinds: Sequence[str], limit: int, skip: int = 0) -> tuple[tuple[Hit, ...], bool]:
        """What holds all these words, runs and registered models, the best first; whether there is more.

        `kinds`: those of `found.KINDS` alone. Raises Invalid.
        """
        if self.database.read(found.behind):
            while self.database.write(found.follow):
                pass
        return self.database.read(found.search, text, kinds, limit, skip)

    def links(self, found: Sequence[Tracked]) -> dict[int, Links]:
        """The datasets and models of those of these runs that have any, by the run's `id`."""
        return self.database.read(inputs.of, [run.id for run in found])

    def metrics(self, most: int = 200) -> list[str]:
        """The names of metrics that any run has, in alphabetical order."""
        return self.database.read(points.names, most)

    def history(self, uid: str, key: str, limit: int = 100_000, offset: int = 0) -> Curve:
        """(step, milliseconds since 1970, value) of a metric in the order of time. Raises Unknown, Invalid."""
        return self.database.read(lambda db: points.history(db, runs.number_of(db, uid), key, limit, offset))

    def curve(self, uid: str, key: str, *, low: int | None = None, high: int | None = None, most: int = 1000) -> Curve:
        """The points between two steps in the order of steps, thinned to about `most`. Raises Unknown, Invalid."""
        return self.database.read(
            lambda db: points.curve(db, runs.number_of(db, uid), key, low=low, high=high, most=most)
        )

    def ending(self, uid: str, key: str) -> tuple[int, set[float]] | None:
        """(step, values) from which on no value of a metric is finite; None where the last one is. Raises Unknown."""
        return self.database.read(lambda db: points.ending(db, runs.number_of(db, uid), key))
