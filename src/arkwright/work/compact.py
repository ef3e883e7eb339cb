"""Compaction, once: `python -m arkwright.work.compact SITE`.

The closed segments of each endpoint become Parquet in the site's store, and what is older than the endpoint's `keep`
goes, also of what the watch keeps. It may be killed: at whatever step that is, nothing is lost, nothing doubled.
"""

import argparse
import logging
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from arkwright.core import versions
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.core.record import NAME
from arkwright.monitor import asked, labelled_hours
from arkwright.serve.tap.compact import compact
from arkwright.serve.telemetry import minutes
from arkwright.sites import Site
from arkwright.work.parent import dies_with

DAY = 86_400  # seconds; as late rows may go from the log
log = logging.getLogger("arkwright.compact")


def once(site: Site, names: Collection[str] | None = None) -> frozenset[str]:
    """Compact these endpoints (default: every one); those of which that failed. One endpoint's trouble is logged and
    stops no other.
    """
    failed = set()
    for folder in _folders(site.predictions):
        if names is not None and folder.name not in names:
            continue
        try:
            keep = _keep(site, folder.name)
            with site.scratch("compact") as scratch:
                compact(folder, site.store, scratch, keep_s=keep)
            if keep is not None:
                minutes.forget(folder, keep)
                before = int(time.time()) - keep - DAY
                labelled_hours.forget(site.watched, folder.name, before)
                asked.forget(site.watched, folder.name, before)
        except (ArkwrightError, OSError) as error:
            log.warning("%s: predictions were not compacted: %s", folder.name, error)
            failed.add(folder.name)
        except Exception:  # a mistake of ours, or a file like none that we write
            log.exception("%s: predictions were not compacted", folder.name)
            failed.add(folder.name)
    return frozenset(failed)


def _folders(predictions: Path) -> Iterator[Path]:
    if predictions.is_dir():
        yield from (path for path in sorted(predictions.iterdir()) if path.is_dir() and NAME.fullmatch(path.name))


def _keep(site: Site, endpoint: str) -> int | None:
    """How long this endpoint's predictions are kept, as is on record; where nothing is, nothing is removed."""
    try:
        found = versions.latest(site.ledger, Endpoint, endpoint)
    except ArkwrightError:
        return None
    return seconds(found.terms.keep) if found and found.terms else None


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m arkwright.work.compact", description="Compact predictions.")
    parser.add_argument("site", type=Path)
    parser.add_argument("--parent", type=int, metavar="PID", help="end with this process, which started it")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    if given.parent is None or dies_with(given.parent):
        once(Site(given.site))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
