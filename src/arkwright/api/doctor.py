"""The verb `doctor`: is this machine fit, and is the site sound?"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Actor
from arkwright.measures.registry import plug_ins
from arkwright.serve.native import native
from arkwright.sites import Site

_EXTRAS = {
    "polars": "polars",
    "pandas": "pandas",
    "postgres": "psycopg",
    "sklearn": "sklearn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "otel": "opentelemetry",
}
_CORE = ("duckdb", "pyarrow", "onnxruntime", "msgspec", "model-signing", "uvloop")


_WITHOUT = "without its native part, which wants a C compiler when Arkwright is installed: it serves more slowly"


@dataclass(frozen=True)
class Check:
    """One thing looked at. `well` is None for a fact that is neither good nor bad."""

    what: str
    found: str
    well: bool | None = True


def doctor(site: Site, by: Actor, project: Path) -> tuple[Check, ...]:
    """Look at the machine and the site; nothing is changed."""
    checks = [Check(f"package {name}", _version(name)) for name in ("arkwright", *_CORE)]
    for extra, module in _EXTRAS.items():
        there = find_spec(module) is not None
        checks.append(
            Check(f"extra {extra}", "installed" if there else f"pip install 'arkwright[{extra}]'", there or None)
        )
    checks.append(Check("endpoint", "its native part is there" if native else _WITHOUT, True if native else None))
    checks += [Check("measures", wrong, well=False) for wrong in plug_ins().wrong]
    checks.append(Check("processors", str(len(os.sched_getaffinity(0))), None))
    free = shutil.disk_usage(project).free
    checks.append(Check("free disk", f"{free / 1e9:.1f} GB", free > 1e9))
    if site.folder.is_dir():
        checks.append(_attempt("ledger", lambda: f"{site.ledger.verify()} events, every seal holds"))
        checks.append(_attempt("store", lambda: _store(site)))
        if site.outside.advisories:
            checks.append(_attempt("advisories", lambda: _advisories(site)))
        if site.outside.packages:
            checks.append(_attempt("newest versions", lambda: _newest(site)))
    return tuple(checks)


def _attempt(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what, look())
    except ArkwrightError as error:
        return Check(what, str(error), well=False)


def _store(site: Site) -> str:
    bad = list(site.store.verify())
    if bad:
        raise ArkwrightError(f"{len(bad)} files are not what was written: {', '.join(d[:12] for d in bad[:5])}")
    return "every file is what was written"


def _advisories(site: Site) -> str:
    """Of when they are. Raises ArkwrightError where they prove nothing."""
    found = site.advisories.look(())
    if found.stale:
        raise ArkwrightError(found.stale)
    return found.age


def _newest(site: Site) -> str:
    """Of when they are. Raises ArkwrightError where they prove nothing."""
    found = site.newest.look([("numpy", version("numpy"))])  # any package will do
    if found.stale:
        raise ArkwrightError(found.stale)
    return found.age


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
