"""The task that rehearses the project."""

from pathlib import Path
from typing import Any

import msgspec

from arkwright.project import rehearse
from arkwright.work.worker import Worker


def plan(worker: Worker, aside: str | None = None) -> Any:
    """The graph of the project, or every mistake. `aside`: an empty folder in which a copy of the code shall run."""
    worker.aside = Path(aside) if aside else None
    made = rehearse.rehearse(worker.project, worker.site.tables)
    worker.safeguards = made.safeguards
    return msgspec.to_builtins(made)
