"""The task that rehearses the project."""

from typing import Any

import msgspec

from arkwright.project import rehearse
from arkwright.work.worker import Worker


def plan(worker: Worker) -> Any:
    """The graph of the project, or every mistake."""
    return msgspec.to_builtins(rehearse.rehearse(worker.project, worker.site.tables))
