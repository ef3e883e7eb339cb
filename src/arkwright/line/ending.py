"""How runs end: on record, with their log in the store. Whoever comes next ends a run whose process was killed."""

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Dataset, Model, Release, Run
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import decode, encode, now
from arkwright.core.versions import ENDED
from arkwright.line.log import SAID, Log
from arkwright.sites import Site

LOGS = "logs"  # in a site: what walks print that are not over
KEPT = 20  # logs of walks that failed before a run was on record
VANISHED = (
    "its process vanished without a word: killed (by somebody's kill -9, or by the system for want of memory), "
    "or the machine went down"
)
_MADE = {noun.KIND: noun for noun in (Dataset, Model, Release)}


def end(site: Site, by: str, log: Log, run: Run) -> Run:
    """Put the end of a run on record, with its log, of which nothing else is kept then. Raises Taken when it is there.

    What became of the run counts, also where there is no room for its log.
    """
    log.note(run.state if run.error is None else f"{run.state}: {run.error}")
    with suppress(ArkwrightError, OSError):
        run = replace(run, log=site.store.put_bytes(log.text().encode()))
    site.ledger.append(by, [Entry(Run.KIND, f"{ENDED}{run.name}@{run.version}", encode(run))])
    log.end(keep=run.log is None)
    return run


def bring_in(site: Site, why: Mapping[str, str] | None = None) -> list[Run]:
    """End the runs of this folder whose processes vanished; those that were ended. Only the last raw logs are kept.

    `why`: by the run's reference, where more is known of how its process ended.
    """
    folder = site.folder / LOGS
    ended = []
    for path in sorted(folder.glob(f"*{SAID}")):
        log = Log.left(path.with_suffix(".log"))
        if log is not None:
            with closing(log), suppress(ArkwrightError, OSError):  # the next one tries again
                ended += _brought(site, log, why or {})
    _forget_old(folder)
    return ended


def _brought(site: Site, log: Log, why: Mapping[str, str]) -> list[Run]:
    run = _on_record(site, log.run) if log.run else None
    if run is None:  # it ended before a run began
        log.end(keep=True)
        return []
    before = site.ledger.get(Run.KIND, f"{ENDED}{run.name}@{run.version}")
    if before:
        log.end(keep=decode(Run, before.body).log is None)
        return []
    error = why.get(run.ref, VANISHED)
    over = replace(run, state="failed", ended=now(), made=_made(site, run), error=error)
    try:
        return [end(site, run.author, log, over)]
    except Taken:  # it is there by now
        log.end(keep=True)
        return []


def _on_record(site: Site, begun: Run) -> Run | None:
    """Whoever was killed between putting it on record and hearing which version it got left it without one."""
    if begun.version:
        return begun
    for event in site.ledger.find(Run.KIND, f"{begun.name}@"):
        run = decode(Run, event.body)
        if replace(run, version=0) == begun:
            return run
    return None


def _made(site: Site, run: Run) -> tuple[str, ...]:
    began = site.ledger.get(Run.KIND, f"{run.name}@{run.version}")
    assert began
    later = (event for event in site.ledger.find(after=began.seq) if event.kind in _MADE)
    nouns = (decode(_MADE[event.kind], event.body) for event in later)
    return tuple(noun.ref for noun in nouns if noun.run == run.ref)


def _forget_old(folder: Path) -> None:
    """Of what nobody works on."""
    with suppress(FileNotFoundError):  # two look at the same time
        left = [path for path in folder.glob("*.log") if not path.with_suffix(SAID).exists()]
        for path in sorted(left, key=lambda path: path.stat().st_mtime)[: max(0, len(left) - KEPT)]:
            path.unlink(missing_ok=True)
