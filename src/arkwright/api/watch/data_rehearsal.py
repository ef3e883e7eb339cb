"""A dataset's past watched again: from what each look kept, by the promises that the project has now.

What a source held then is gone, and cannot be read again. What was measured of it is kept: a promise whose limit is
another now is judged anew by the value of then; one whose measure was not taken then is said to be unknown.
"""

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from arkwright.api.watch.data import reaction, spec_of
from arkwright.api.watch.datasets import promised
from arkwright.api.watch.rehearsed import Rehearsal, Rehearsed
from arkwright.core.alarms import DATA
from arkwright.core.promises import Promise, Reading, judge, parse
from arkwright.core.times import utc
from arkwright.monitor.measured import Found, Measured
from arkwright.sites import Site


def replayed(site: Site, project: Path, name: str, begin: int, end: int) -> tuple[Rehearsed, ...]:
    """What would have happened between these seconds since 1970. Raises Unknown, Invalid."""
    spec, watch = spec_of(project, name)
    promises = [parse(text) for text in promised(spec)]
    reactions = [reaction(one) for one in spec.reactions]
    rehearsal = Rehearsal(site, f"{DATA}{name}", begin, watch, [one.text for one in promises], reactions)
    kept = _kept(site.watched / f"{DATA}{name}.measured.db", begin, end)
    first = min((one.until for found in kept.values() for one in found), default=None)
    if first is None:
        rehearsal.unknown(begin, f"{DATA}{name} was not looked at in this time")
        return tuple(rehearsal.told)
    if first - begin >= 60:  # the looks of a clock are not to the second
        rehearsal.unknown(begin, f"{DATA}{name} was not looked at before {utc(first)}")
    looks: dict[int, list[Found]] = {}
    for promise in promises:
        of = _judged(promise, kept)
        if not of:
            rehearsal.unknown(begin, "what it is about was not measured in this time", promise.text)
        for one in of:
            looks.setdefault(one.until, []).append(one)
    for at in sorted(looks):
        rehearsal.go_to(at)
        rehearsal.look(at, looks[at])
    return tuple(rehearsal.told)


def _kept(path: Path, begin: int, end: int) -> dict[str, list[Found]]:
    """What was found of each promise there ever was."""
    if not path.exists():  # a rehearsal begins no file
        return {}
    with closing(Measured(path)) as measured:
        return {text: measured.between("", text, begin, end + 1) for text in measured.latest("")}


def _judged(promise: Promise, kept: Mapping[str, Iterable[Found]]) -> list[Found]:
    """What each look found of the measure, whatever its limit was then, as this promise has it."""
    same = {text: found for text, found in kept.items() if parse(text).call == promise.call}
    at = {one.until: one for found in same.values() for one in found}
    return [replace(one, promise=promise.text, verdict=_verdict(promise, one)) for one in at.values()]


def _verdict(promise: Promise, one: Found) -> str:
    return judge(promise, Reading(one.value, one.low, one.high, one.n)).word
