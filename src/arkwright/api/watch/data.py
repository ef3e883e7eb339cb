"""Datasets that are watched: their sources read anew, what is promised measured, what is broken an alarm.

By the project as it stands: its folder is at hand wherever its sources are read.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from arkwright.api import lease
from arkwright.api.watch import alarms, looked
from arkwright.api.watch.alarms import MACHINE
from arkwright.api.watch.data_causes import DataExplainer
from arkwright.api.watch.datasets import promised
from arkwright.api.watch.reacting import Rerun, finish, react
from arkwright.core.alarms import DATA, READABLE, Reaction, subject
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.promises import parse
from arkwright.core.times import must_be_set
from arkwright.line.look import Judged, look
from arkwright.monitor.measured import Found, Measured, Streak
from arkwright.project import toml
from arkwright.project.spec import DataReactionSpec, DataSpec, DataWatchSpec
from arkwright.sites import Site


@dataclass(frozen=True, kw_only=True)
class WatchedData:
    """One promise of a dataset, measured on what its source held `at` (UTC). `verdict`: kept | broken | unproven; `n`:
    rows; `alarm`: the one that stands about it.
    """

    dataset: str
    promise: str
    verdict: str
    value: float | None
    n: int | None
    note: str
    at: datetime
    alarm: str | None = None


def watch_one(
    site: Site, project: Path, name: str, rerun: Rerun, say: Callable[[str], None], by: str = looked.BY_HAND
) -> tuple[WatchedData, ...]:
    """Look at one dataset, and do what is due. `by`: what the looks are known by. Raises Refused while
    another process looks at it; Invalid where it is not to be watched, or the project has mistakes; ArkwrightError
    where no clock was set.
    """
    must_be_set(time.time())
    spec, watch = spec_of(project, name)
    about = f"{DATA}{name}"
    with lease.held(site, f"watch of {about}") as turn:
        say(f"watch {about}")
        found = look(site, MACHINE.name, project, name, within=seconds(watch.give_up), say=say)
        turn.must_be_held()
        made = _noticed(site, about, spec, watch, found)
    finish(site, about, rerun)
    whole = found[READABLE].verdict == "kept" and not any(one.failed for one in found.values())
    looked.note(site, about, by, well=whole)
    return made


def spec_of(project: Path, name: str) -> tuple[DataSpec, DataWatchSpec]:
    """What the project says of it. Raises Unknown, and Invalid where it is not to be watched."""
    known = toml.read(project).spec.data
    if name not in known:
        raise Unknown(f"no dataset is called {name!r}{did_you_mean(name, known)}")
    if (watch := known[name].watch) is None:
        raise Invalid(f"{DATA}{name} is not watched; say  watch = {{}}  under [{DATA}{name}]")
    return known[name], watch


def reaction(spec: DataReactionSpec) -> Reaction:
    """As it is on record of endpoints."""
    to = parse(spec.to).text if spec.to else None
    return Reaction(**{**msgspec.structs.asdict(spec), "to": to})


def _noticed(
    site: Site, about: str, spec: DataSpec, watch: DataWatchSpec, judged: Mapping[str, Judged]
) -> tuple[WatchedData, ...]:
    now = int(time.time())
    found = [Found("", text, now, now, j.verdict, j.value, j.low, j.high, j.n, j.note) for text, j in judged.items()]
    with closing(Measured(site.watched / f"{about}.measured.db")) as measured:
        measured.put(found, now)
        streaks = [(one, measured.streak("", one.promise) or Streak(one.verdict, 0)) for one in found]
    with alarms.explaining(site, about, DataExplainer(site, about)) as why:
        standing = alarms.note(site, about, watch, {("", text) for text in promised(spec)}, streaks, why)
    react(site, about, now, [reaction(one) for one in spec.reactions])
    refs = {one.alarm.promise: one.alarm.ref for one in standing}
    at = datetime.fromtimestamp(now, UTC)
    return tuple(
        WatchedData(
            dataset=subject(about),
            promise=text,
            verdict=one.verdict,
            value=one.value,
            n=one.n,
            note=one.note,
            at=at,
            alarm=refs.get(text),
        )
        for text, one in judged.items()
    )
