"""Compaction aside from the server: `python -m arkwright.work.compact PROJECT [--once]`.

Every minute the closed segments of each endpoint become Parquet in the site's store, and what is older than the
endpoint's `keep` goes. It ends on SIGTERM and with `--parent PID`; at whatever step that is, nothing is lost, nothing
doubled.
"""

import argparse
import ctypes
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError
from arkwright.core.record import NAME
from arkwright.project import toml
from arkwright.project.spec import LogSpec
from arkwright.serve.tap.compact import Compacted, compact
from arkwright.sites import Site, local

EVERY_S = 60.0
log = logging.getLogger("arkwright.compact")


def once(site: Site, project: Path) -> dict[str, Compacted]:
    """Compact every endpoint once; what was done. One endpoint's trouble is logged and does not stop the others."""
    done = {}
    for folder in _folders(site.predictions):
        try:
            with site.scratch("compact") as scratch:
                done[folder.name] = compact(folder, site.store, scratch, keep_s=_keep(project, folder.name))
        except (ArkwrightError, OSError) as error:
            log.warning("%s: predictions were not compacted: %s", folder.name, error)
    return done


def _folders(predictions: Path) -> Iterator[Path]:
    if predictions.is_dir():
        yield from (path for path in sorted(predictions.iterdir()) if path.is_dir() and NAME.fullmatch(path.name))


def _keep(project: Path, endpoint: str) -> int | None:
    """How long this endpoint's predictions are kept, as its TOML says now; what it no longer names, by default.

    A file that cannot be read just now removes nothing.
    """
    try:
        spec = toml.read(project).spec.endpoint.get(endpoint)
    except ArkwrightError:
        return None
    return seconds(((spec.logged if spec else None) or LogSpec()).keep)


def main() -> int:
    """Until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m arkwright.work.compact", description="Compact predictions.")
    parser.add_argument("project", type=Path)
    parser.add_argument("--once", action="store_true", help="now, and end")
    parser.add_argument("--parent", type=int, metavar="PID", help="end with this process, which started it")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    if given.parent is not None and not _dies_with(given.parent):
        return 0
    os.nice(10)  # the server's requests come first
    site = local(given.project)
    while not stop.is_set():
        once(site, given.project)
        if given.once:
            break
        stop.wait(EVERY_S)
    return 0


def _dies_with(parent: int) -> bool:
    """A server that was killed leaves nobody behind (Linux: PR_SET_PDEATHSIG). False when it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    return os.getppid() == parent


if __name__ == "__main__":
    raise SystemExit(main())
