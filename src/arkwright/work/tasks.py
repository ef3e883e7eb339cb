"""Every task by its name. Each is imported when it is first asked for: a rehearsal needs no model engines."""

from importlib import import_module
from typing import Any

from arkwright.work.worker import Worker

TASKS: dict[str, str] = {
    "plan": "arkwright.work.plan:plan",
    "fingerprint": "arkwright.work.data:fingerprint",
    "read": "arkwright.work.data:read",
    "ingest": "arkwright.work.data:ingest",
    "transform": "arkwright.work.data:transform",
    "measure_data": "arkwright.work.data:measure",
    "train": "arkwright.work.models:train",
    "optimize": "arkwright.work.models:optimize",
    "write_rules": "arkwright.work.experts:write",
    "measure_rules": "arkwright.work.experts:measure",
    "measure_model": "arkwright.work.models:measure",
    "packages": "arkwright.work.release:packages",
    "about_release": "arkwright.work.shipping:about_release",
    "measure_release": "arkwright.work.shipping:measure",
    "assemble": "arkwright.work.release:assemble",
}


def work(worker: Worker, task: str, arguments: dict[str, Any]) -> Any:
    """One task; its arguments and its answer are JSON."""
    module, _, name = TASKS[task].partition(":")
    return getattr(import_module(module), name)(worker, **arguments)
