"""Arkwright: raw data in, a model in production out, and every promise about it measured.

    import arkwright

    project = arkwright.load(".")           # the same objects the command line works with
    result  = arkwright.run(".", by="ana")  # datasets, models, findings, releases

Everything is loaded when it is first used, so that importing costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyarrow import Table as Table

    from arkwright.core import promises as _promises
    from arkwright.core.errors import ArkwrightError as ArkwrightError
    from arkwright.measures.registry import data_measure as data_measure
    from arkwright.measures.registry import model_measure as model_measure
    from arkwright.notebook import again as again
    from arkwright.notebook import load as load
    from arkwright.notebook import profile as profile
    from arkwright.notebook import read as read
    from arkwright.notebook import run as run
    from arkwright.notebook import why as why
    from arkwright.remote import connect as connect
    from arkwright.tracker import track as track

    promise = _promises.parse

_LAZY = {
    "Table": "pyarrow:Table",
    "ArkwrightError": "arkwright.core.errors:ArkwrightError",
    "promise": "arkwright.core.promises:parse",
    "data_measure": "arkwright.measures.registry:data_measure",
    "model_measure": "arkwright.measures.registry:model_measure",
    "load": "arkwright.notebook:load",
    "run": "arkwright.notebook:run",
    "again": "arkwright.notebook:again",
    "read": "arkwright.notebook:read",
    "profile": "arkwright.notebook:profile",
    "why": "arkwright.notebook:why",
    "connect": "arkwright.remote:connect",
    "track": "arkwright.tracker:track",
}
__all__ = list(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'arkwright' has no attribute {name!r}")
    module, _, attribute = _LAZY[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return [*__all__, "__doc__"]
