"""The verb that brings over what an MLflow server keeps: once, whole, and no more than what is new."""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from arkwright.api.arriving.bringing import Bringing
from arkwright.api.arriving.bringing_models import Registering
from arkwright.api.arriving.brought import Left, Told
from arkwright.api.build import quiet
from arkwright.api.people import accounts
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Actor
from arkwright.sites import Site
from arkwright.tracking.importing import reading
from arkwright.tracking.importing.server import AT_ONCE, NotGiven, Server
from arkwright.tracking.importing.taking import Came

LARGEST = "4GiB"  # of one file
_SIZE = re.compile(r"(\d{1,9})\s*(B|[KMGT]i?B)?", re.IGNORECASE)
_UNITS = {"B": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came over from `origin`, counted: what is new, and runs and models that changed or were here already.

    `size`: bytes of the files; `left`: what was not taken, and why.
    """

    origin: str
    experiments: int
    runs: int
    changed: int
    same: int
    points: int
    files: int
    size: int
    models: int
    registered: int
    versions: int
    left: tuple[Left, ...]


def import_mlflow(
    site: Site,
    by: Actor,
    project: Path,
    *,
    url: str,
    only: Sequence[str] = (),
    largest: str = LARGEST,
    say: Callable[[str], None] = quiet,
) -> Imported:
    """Bring over experiments, runs, their files, logged and registered models from the MLflow server at `url`.

    What came before stays as it is, unless it changed there. `only`: experiments by name; `largest`: of one file.
    Raises Invalid, Unknown for an experiment that is not there, Refused for a redirect, Unproven where the server asks
    who it is; ArkwrightError when it cannot be reached: what came over by then is whole, and the rest comes next time.
    """
    accounts.allow(site, by, "own")
    most = _bytes(largest)
    server = Server(url, os.environ)
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="import")
    try:
        with site.scratch("import") as folder:
            bringing = Bringing(site.tracking, server, pool, Came(server.origin, by.name), folder, most, say)
            _everything(bringing, server, only)
            return _told(server.origin, bringing.told)
    finally:
        pool.shutdown(cancel_futures=True)
        server.close()


def _everything(bringing: Bringing, server: Server, only: Sequence[str]) -> None:
    try:
        found = sorted(reading.experiments(server), key=lambda one: one.creation_time)
    except NotGiven as error:
        raise Unknown(f"nothing can be imported: {error}; is an MLflow server there?") from None
    names = [one.name for one in found]
    for name in only:
        if name not in names:
            raise Unknown(f"there is no experiment {name[:80]!r} at {server.origin}{did_you_mean(name, names)}")
    for one in found:
        if not only or one.name in only:
            bringing.experiment(one)
    Registering(bringing, partly=bool(only)).all()


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise Invalid(f"{text[:40]!r} is no size of a file; such as 500MB, 4GiB or 0 for none")
    unit = (found[2] or "B").upper()
    factor = 1024 ** ("KMGT".index(unit[0]) + 1) if "I" in unit else _UNITS[unit[0]]
    return int(found[1]) * factor


def _told(origin: str, told: Told) -> Imported:
    return Imported(
        origin=origin, experiments=told.experiments, runs=told.runs, changed=told.changed, same=told.same,
        points=told.points, files=told.files, size=told.size, models=told.models, registered=told.registered,
        versions=told.versions, left=tuple(told.left),
    )  # fmt: skip
