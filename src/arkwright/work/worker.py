"""The project that a worker works on, loaded once for all its tasks."""

import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from arkwright.core.safeguards.words import Rule
from arkwright.project import loaded
from arkwright.project.loaded import Project
from arkwright.sites import Site
from arkwright.work.rows import Rows

Say = Callable[[str], None]


class Worker:
    """The project in `folder`. `say` tells progress to whoever waits."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self.site = Site(folder / ".arkwright")
        self.safeguards: dict[str, tuple[Rule, ...]] = {}  # endpoint -> its rules, once the project was rehearsed
        self.aside: Path | None = None  # where a copy of the code runs; without one it runs where it is
        self._rows: tuple[tuple[str, str, int], Rows] | None = None

    @cached_property
    def project(self) -> Project:
        """Its code, run in that folder: what lies beside it in the project is not there by accident."""
        if self.aside is not None:
            os.chdir(self.aside)
        return loaded.load(self.folder, self.aside)

    def rows(self, model: str, path: str, seed: int) -> Rows:
        """The rows of a model's dataset, prepared; those of the task before are kept, for the next often asks again."""
        asked = (model, path, seed)
        if self._rows is None or self._rows[0] != asked:
            self._rows = (asked, Rows.of(self.project, model, Path(path), seed))
        return self._rows[1]
