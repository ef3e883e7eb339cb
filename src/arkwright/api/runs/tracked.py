"""One of the runs that clients logged by hand, in full."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from arkwright.api.runs import files
from arkwright.api.runs.files import Folder
from arkwright.core.errors import Unknown, did_you_mean
from arkwright.core.nouns import Actor
from arkwright.sites import Site
from arkwright.tracking import found, models, registry, runs, versions
from arkwright.tracking.inputs import Dataset
from arkwright.tracking.runs import Tracked

KIND = found.TRACKED  # in a reference: tracked:0f3a…
KINDS = found.KINDS
STATES = {
    "started": ("RUNNING", "SCHEDULED"),
    "finished": ("FINISHED",),
    "failed": ("FAILED", "KILLED"),
}
MOST_CURVES, MOST_POINTS, MOST_MODELS = 24, 200, 50
STATE_OF = {theirs: ours for ours, many in STATES.items() for theirs in many}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A metric over steps, thinned: what is finite of it. `ends`: in what else, `NaN from step 20 on`, or empty."""

    what: str
    points: tuple[tuple[int, float], ...]
    ends: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A run that a client logged."""

    ref: str
    run: Tracked
    state: str
    started: str
    ended: str | None
    experiment: str
    datasets: tuple[Dataset, ...]
    models: tuple[models.Logged, ...]
    files: Folder
    curves: tuple[Curve, ...]


def logged(site: Site, by: Actor, project: Path, *, uid: str, folder: str = "", after: str = "") -> Logged:
    """One of them in full. `folder`: of its files, those after `after`. Raises Unknown, Invalid."""
    run = site.tracking.run(uid)
    links = site.tracking.links([run])
    return Logged(
        ref=f"{KIND}:{run.uid}",
        run=run,
        state=STATE_OF.get(run.status, "started"),
        started=stamp(run.started),
        ended=stamp(run.ended) if run.ended else None,
        experiment=site.tracking.experiment(id=run.experiment).name,
        datasets=tuple(links[run.id].datasets) if run.id in links else (),
        models=tuple(site.tracking.look(models.of_run, run.uid, MOST_MODELS)),
        files=files.folder(site, run.place, folder, after),
        curves=curves(site, run),
    )


def curves(site: Site, run: Tracked) -> tuple[Curve, ...]:
    """Each metric that was logged more than once."""
    made = []
    for key in sorted(run.metrics)[:MOST_CURVES]:
        points = site.tracking.curve(run.uid, key, most=MOST_POINTS)
        if len(points) > 1:
            known = tuple((step, value) for step, _, value in points if math.isfinite(value))
            made.append(Curve(what=key, points=known, ends=_ends(site.tracking.ending(run.uid, key))))
    return tuple(made)


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _ends(ending: tuple[int, set[float]] | None) -> str:
    if ending is None:
        return ""
    step, which = ending
    return f"{' or '.join(sorted(_NOT_FINITE[str(value)] for value in which))} from step {step} on"


def names(site: Site, uids: Iterable[str]) -> dict[str, str]:
    """What runs of clients are called, of those of these that there are."""
    return site.tracking.look(runs.names, [uid for uid in uids if uid])


def spoken(site: Site, reference: str) -> str | None:
    """A run of a client, a registered model or one of its versions as it is spoken of; None for any other kind.

    Raises Unknown, Invalid.
    """
    kind, _, rest = reference.partition(":")
    if kind not in found.KINDS:
        return None
    if not site.tracks:
        raise Unknown("no client logged anything here")
    if kind == KIND:
        return f"{KIND}:{site.tracking.run(rest).uid}"
    name, version = registry.spoken(rest)
    try:
        site.tracking.look(registry.get, name)
    except Unknown as error:
        raise Unknown(f"{error}{did_you_mean(name, site.tracking.look(registry.names))}") from None
    if version is not None:
        site.tracking.look(versions.get, name, version)
    return registry.reference(name, version)


def stamp(milliseconds: int) -> str:
    """As the ledger writes times; a client may have said any number."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""
