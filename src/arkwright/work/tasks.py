"""Every task by its name."""

from collections.abc import Callable
from typing import Any

import msgspec

from arkwright.project import rehearse
from arkwright.work import data, models, release
from arkwright.work.worker import Worker


def plan(worker: Worker) -> Any:
    """Rehearse: the graph of the project, or every mistake."""
    return msgspec.to_builtins(rehearse.rehearse(worker.project, worker.site.tables))


TASKS: dict[str, Callable[..., Any]] = {
    "plan": plan,
    "fingerprint": data.fingerprint,
    "read": data.read,
    "ingest": data.ingest,
    "transform": data.transform,
    "measure_data": data.measure,
    "train": models.train,
    "optimize": models.optimize,
    "measure_model": models.measure,
    "assemble": release.assemble,
}
