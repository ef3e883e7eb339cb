"""A look at a dataset as its source is now, made and measured by the same code as the line; none of it on record.

What has the bytes of a snapshot, or of the last look, is not read again. The rows of a look that no run has seen are
kept until the next one.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from arkwright.core import versions
from arkwright.core.alarms import DATA, READABLE, UNCHANGED
from arkwright.core.counted import many
from arkwright.core.errors import ArkwrightError, GivenUp, Unknown
from arkwright.core.nouns import Column, Dataset
from arkwright.core.promises import Reading, judge, parse
from arkwright.core.record import decode, digest_file, digest_of, encode
from arkwright.data.scan.askable import differences
from arkwright.line.line import Say, walking
from arkwright.line.walk import Walk
from arkwright.project.plan import DataStep
from arkwright.sites import Site

KEPT, ROWS = "look.json", "rows.parquet"
LONGEST_NOTE = 500


@dataclass(frozen=True, kw_only=True)
class Judged(Reading):
    """What was found of one promise. `timed`: it depends on when it was measured."""

    verdict: str
    timed: bool = False


@dataclass(frozen=True, kw_only=True)
class Made:
    """Rows as the line would make them, at `path`, and what they were made of."""

    recipe: str
    digest: str
    path: str
    rows: int
    columns: tuple[Column, ...]
    quarantined: int
    left_out: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What the last look found. `stood_on`: digest of the rows and of all that was measured with them."""

    made: Made
    stood_on: str
    found: dict[str, Judged]


def look(site: Site, by: str, folder: Path, name: str, *, within: float, say: Say) -> dict[str, Judged]:
    """What holds now of a dataset: that it can be read, that its columns are the same, and what is promised of it.

    A source that cannot be reached or read, or not `within` seconds, breaks the first of these; the others are left
    out. Raises Invalid for a project with mistakes.
    """
    try:
        with walking(site, by, folder, say, None, within=within) as walk:
            return _Look(walk, name).found()
    except GivenUp as error:  # before it came to the source
        return {READABLE: _judged(READABLE, 0, None, str(error))}


def last(site: Site, name: str) -> Made | None:
    """What the last look at a dataset made, while its rows are kept."""
    before = _kept(site.watched / f"{DATA}{name}")
    return before.made if before and Path(before.made.path).is_file() else None


class _Look:
    def __init__(self, walk: Walk, name: str) -> None:
        self._walk, self._name = walk, name
        self._place = walk.site.watched / f"{DATA}{name}"
        self._before = _kept(self._place)

    def found(self) -> dict[str, Judged]:
        try:
            made = self._make(self._walk.plan.step(self._name))
        except ArkwrightError as error:
            return {READABLE: _judged(READABLE, 0, None, str(error))}
        bad = f"{many(made.quarantined, 'row')} more did not fit" if made.quarantined else ""
        found = {READABLE: _judged(READABLE, 1, made.rows, bad), UNCHANGED: self._unchanged(made)}
        stood_on, measured = self._measured(made)
        self._keep(made, stood_on, {text: one for text, one in measured.items() if not one.failed})
        return found | measured

    def _make(self, step: DataStep) -> Made:
        walk, spec = self._walk, self._walk.spec.data[step.name]
        if step.kind != "source":
            inputs = {name: self._make(walk.plan.step(name)) for name in step.inputs}
            recipe = walk.recipe("transform", step.code, step.row, {name: one.digest for name, one in inputs.items()})
            paths = {name: one.path for name, one in inputs.items()}
            return self._known(step.name, recipe) or self._read(step.name, "transform", recipe, inputs=paths)
        walk.log.say(f"look at {step.name}")
        fingerprint = walk.worker.call("fingerprint", {"dataset": step.name})
        if fingerprint:
            recipe = walk.recipe("ingest", fingerprint, step.row, spec.null)
            return self._known(step.name, recipe) or self._read(step.name, "ingest", recipe)
        made = self._read(step.name, "ingest", "")  # only its rows tell what a live database holds
        return replace(made, recipe=walk.recipe("ingest", made.digest, step.row, spec.null))

    def _known(self, name: str, recipe: str) -> Made | None:
        """The same rows, on record or of the last look."""
        site, before = self._walk.site, self._before
        noun = versions.made_before(site.ledger, Dataset, name, recipe)
        if noun and site.store.has(noun.digest):
            return Made(
                recipe=recipe,
                digest=noun.digest,
                path=str(site.store.path(noun.digest)),
                rows=noun.rows,
                columns=noun.columns,
                quarantined=noun.quarantined,
                left_out=noun.left_out,
            )
        mine = before is not None and name == self._name and before.made.recipe == recipe
        return before.made if before and mine and Path(before.made.path).is_file() else None

    def _read(self, name: str, task: str, recipe: str, **given: Any) -> Made:
        folder = self._walk.folder(f"data-{name}")
        self._walk.log.say(f"read {name}")
        answer = self._walk.worker.call(task, {"dataset": name, "folder": str(folder), **given})
        rows = folder / ROWS
        return msgspec.convert({**answer, "recipe": recipe, "digest": digest_file(rows), "path": str(rows)}, Made)

    def _unchanged(self, made: Made) -> Judged:
        """Beside the newest snapshot on record. Its row class decides on types; without one the source does."""
        walk = self._walk
        try:
            then = versions.resolve(walk.site.ledger, Dataset, self._name)
        except Unknown:
            return _judged(UNCHANGED, None, made.rows, "there is no snapshot on record yet: arkwright run")
        typed = not walk.plan.step(self._name).row
        beside = made.left_out is not None and then.left_out is not None
        names = [[*(c.name for c in one.columns), *((one.left_out or ()) if beside else ())] for one in (made, then)]
        types = [{c.name: c.type for c in one.columns} if typed else {} for one in (made, then)]
        now, before = ({n: kinds.get(n, "") for n in some} for some, kinds in zip(names, types, strict=True))
        changes = differences(now, before)
        return _judged(UNCHANGED, len(changes), made.rows, "; ".join(changes)[:LONGEST_NOTE])

    def _measured(self, made: Made) -> tuple[str, dict[str, Judged]]:
        """What is promised, in one pass. The same bytes are not measured again, but for how old they are."""
        walk, before = self._walk, self._before
        promises = [parse(text).text for text in walk.spec.data[self._name].promises]
        others = self._others(promises)
        stood_on = digest_of([made.digest, made.recipe, {name: one.digest for name, one in others.items()}])
        same = before.found if before and before.stood_on == stood_on else {}
        known = {text: same[text] for text in promises if text in same and not same[text].timed}
        paths = {self._name: made.path} | {name: str(walk.site.store.path(d.digest)) for name, d in others.items()}
        columns = {self._name: made.columns} | {name: one.columns for name, one in others.items()}

        def measure(some: Sequence[str]) -> dict[str, Judged]:
            given = {"dataset": self._name, "paths": paths, "columns": msgspec.to_builtins(columns), "promises": some}
            return msgspec.convert(walk.worker.call("measure_data", given), dict[str, Judged])

        missing = [text for text in promises if text not in known]
        found = known | (_each(measure, missing) if missing else {})
        return stood_on, {text: found[text] for text in promises}

    def _others(self, promises: Sequence[str]) -> dict[str, Dataset]:
        """The datasets that they speak of, as they stand on record."""
        known: dict[str, Dataset] = {}
        for step in self._walk.plan.data:
            if step.name != self._name and any(f"{step.name}." in text for text in promises):
                with suppress(Unknown):
                    known[step.name] = versions.resolve(self._walk.site.ledger, Dataset, step.name)
        return known

    def _keep(self, made: Made, stood_on: str, found: dict[str, Judged]) -> None:
        """For the next look; whoever is killed on the way leaves nothing that looks whole."""
        place, rows = self._place, Path(made.path)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        (place / KEPT).unlink(missing_ok=True)
        if self._walk.scratch in rows.parents:
            rows.replace(place / ROWS)
            made = replace(made, path=str(place / ROWS))
        elif rows != place / ROWS:  # on record by now
            (place / ROWS).unlink(missing_ok=True)
        half = place / f"{KEPT}.half"
        half.write_text(encode(_Kept(made=made, stood_on=stood_on, found=found)))
        half.replace(place / KEPT)


def _kept(place: Path) -> _Kept | None:
    """None where there was no look, or one of another version of this program."""
    with suppress(OSError, ArkwrightError, msgspec.MsgspecError):
        return decode(_Kept, (place / KEPT).read_text())
    return None


def _each(measure: Callable[[Sequence[str]], dict[str, Judged]], promises: Sequence[str]) -> dict[str, Judged]:
    """All at once; where one does not fit the rows that came, each by itself."""
    try:
        return measure(promises)
    except ArkwrightError as error:
        if len(promises) == 1:  # it does not fit, or takes more than there is here: the message is all that is known
            return {promises[0]: replace(_judged(promises[0], None, None, str(error)), failed=True)}
        return {text: one for promise in promises for text, one in _each(measure, [promise]).items()}


def _judged(promise: str, value: float | None, n: int | None, note: str) -> Judged:
    verdict = judge(parse(promise), Reading(value)).word
    return Judged(value=value, n=n, note=note, verdict=verdict)
