"""Who asked an endpoint in a window, where it promises something of them: then the rows are read once more."""

from collections.abc import Iterable
from pathlib import Path

from arkwright.api.endpoints.logged import signature
from arkwright.core.nouns import Release
from arkwright.core.promises import Promise
from arkwright.measures.callers import Callers
from arkwright.monitor.callers import CALLER, Tally
from arkwright.monitor.counting import Reference
from arkwright.serve.tap import scan as tap
from arkwright.serve.tap.tables import placed
from arkwright.sites import Site

_MEASURES = ("extraction_like", "out_of_distribution")


def asked_for(promises: Iterable[Promise]) -> bool:
    """Whether one of them is about callers."""
    return any(promise.call.name in _MEASURES for promise in promises)


def look(site: Site, folder: Path, release: Release, reference: Reference, since: int, until: int) -> Callers:
    """What each asked of this release between these seconds since 1970."""
    taken = signature(site, release)
    rows, _ = placed(taken.columns, taken.classes)
    names = {place.name: column.name for place, column in zip(rows, taken.columns, strict=True)}
    telling = {name: one for name, one in reference.columns.items() if name not in taken.key}
    tally: Tally | None = None
    for table in tap.scan(folder, site.store, since, until, release.ref, [CALLER, *names]):
        there = {name: names[name] for name in table.column_names if name in names}
        tally = tally or Tally(telling, there.values())
        if set(tally.columns) <= set(there.values()):  # a part from when a column was redacted has less, and tells less
            tally.add(table.select([CALLER, *there]).rename_columns([CALLER, *there.values()]))
    return tally.done() if tally else Callers()
