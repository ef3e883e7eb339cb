"""The project that a worker works on, loaded once for all its tasks."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

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
        self._scratch = ExitStack()
        self._rows: tuple[tuple[str, str, int], Rows] | None = None

    @cached_property
    def project(self) -> Project:
        """Its code runs from a copy and in that folder: what lies beside it in the project is not there by accident."""
        aside = self._scratch.enter_context(self.site.scratch("code"))
        os.chdir(aside)
        return loaded.load(self.folder, aside)

    def close(self) -> None:
        """Leave nothing behind."""
        self._scratch.close()

    def rows(self, model: str, path: str, seed: int) -> Rows:
        """The rows of a model's dataset, prepared; those of the task before are kept, for the next often asks again."""
        asked = (model, path, seed)
        if self._rows is None or self._rows[0] != asked:
            self._rows = (asked, Rows.of(self.project, model, Path(path), seed))
        return self._rows[1]
