"""Registered models of elsewhere, with versions, aliases and tags, under the numbers that they have there.

A version is taken when its files are here; they are frozen as those of every version. Every function works on a
connection, see `Database`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown
from arkwright.tracking import frozen, registry, runs, sources, versions, words
from arkwright.tracking.importing import said
from arkwright.tracking.importing.taking import FROM, Came, known, remember
from arkwright.tracking.sources import Origin

_OF_MODEL = re.compile(r"/models/(m-[0-9a-f]{32})/artifacts((?:/.+)?)\Z")
_LATEST = """
UPDATE registered SET changed = ?1,
    last = max(last, (SELECT coalesce(max(number), 0) FROM version WHERE registered = ?2))
WHERE id = ?2
"""
_OF_RUN = re.compile(r"/([0-9a-f]{32})/artifacts/(.+)\Z")


@dataclass(slots=True)
class Outcome:
    """What became of one registered model: whether it is new here, how many versions are; why others were not taken."""

    new: bool = False
    versions: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)


def registered(
    db: Any,
    came: Came,
    given: said.Registered,
    numbered: Sequence[said.Version],
    missing: Collection[str],
    *,
    partly: bool,
) -> Outcome:
    """All of it that can be taken. `missing`: places of files that could not be. `partly`: nothing, without a version.

    Raises Refused, Invalid.
    """
    outcome = Outcome()
    own, changed = _model(db, came, given, outcome)
    for version in numbered:
        try:
            outcome.versions += _version(db, came, own, version, missing)
        except ArkwrightError as error:
            outcome.left.append((f"version {version.version[:20]} of {given.name}", str(error)))
    if partly and not db.execute("SELECT 1 FROM version WHERE registered = ?", (own,)).fetchone():
        raise Unknown("none of its versions is here")
    if changed or outcome.versions:
        _aliases(db, own, given, outcome)
    whole = not outcome.left
    remember(db, came, "registered", given.name, own, said.mark(given) if whole else 0)
    if changed or outcome.versions:
        db.execute(_LATEST, (given.last_updated_timestamp, own))
    return outcome


def _model(db: Any, came: Came, given: said.Registered, outcome: Outcome) -> tuple[int, bool]:
    """(its row here, whether it is new or changed)"""
    before = known(db, came.origin, "registered", given.name)
    if before is None:
        try:
            registry.create(db, given.name, tags=[(tag.key, tag.value) for tag in given.tags])
        except Refused:
            raise Refused(
                f"there is a registered model called {given.name[:80]!r} here already; rename one of the two"
            ) from None
        own, outcome.new = registry.number_of(db, given.name), True
        db.execute("UPDATE registered SET made = ? WHERE id = ?", (given.creation_timestamp, own))
    else:
        own = int(before[0])
        if not db.execute("SELECT 1 FROM registered WHERE id = ?", (own,)).fetchone():
            raise Refused("it was deleted here")
        if before[1] == said.mark(given):
            return own, False
    words.text(given.description, words.MODEL_TAG, "the description")
    db.execute("UPDATE registered SET description = ? WHERE id = ?", (given.description, own))
    tags = [*((tag.key, tag.value) for tag in given.tags), (FROM, came.origin)]
    runs.put_pairs(db, "registered_tag", own, tags, "tag", words.MODEL_TAG)
    return own, True


def _version(db: Any, came: Came, own: int, given: said.Version, missing: Collection[str]) -> bool:
    """Whether it is new here. Raises Invalid, Unknown before anything is written."""
    number, mark = said.version_number(given.version), said.mark(given)
    theirs = f"{given.name}/{number}"
    before = known(db, came.origin, "version", theirs)
    row = db.execute("SELECT id FROM version WHERE registered = ? AND number = ?", (own, number)).fetchone()
    if before and row is None:
        raise Invalid("it was deleted here")
    if row and (before is None or int(before[0]) != row[0]):
        raise Invalid("another version has its number here")
    tags = [*((tag.key, tag.value) for tag in given.tags), (FROM, came.origin)]
    stage = versions.stage(given.current_stage or versions.NONE)
    words.text(given.description, words.MODEL_TAG, "the description")
    for key, value in tags:
        words.text(value, words.MODEL_TAG, f"the tag {words.key(key, 'tag')[:80]}")
    if row is None:
        here = _made(db, own, number, given, missing)
    elif before and before[1] == mark:
        return False
    else:
        here = int(row[0])
    db.execute(
        "UPDATE version SET stage = ?, description = ?, made = ?, changed = ? WHERE id = ?",
        (stage, given.description, given.creation_timestamp, given.last_updated_timestamp, here),
    )
    runs.put_pairs(db, "version_tag", here, tags, "tag", words.MODEL_TAG)
    remember(db, came, "version", theirs, here, mark)
    return row is None


def _made(db: Any, own: int, number: int, given: said.Version, missing: Collection[str]) -> int:
    prompt = registry.is_prompt(db, own)
    source, found = (given.source, Origin(place="")) if prompt else _source(db, given)
    if any(_under(place, found) for place in missing):
        raise Unknown("some of its files could not be taken")
    if not prompt and not frozen.count(db, found.paths):
        raise Unknown(f"there are no files at {given.source[:200]}")
    run = found.run or (given.run_id if _is_run(db, given.run_id) else "")
    made = db.execute(
        "INSERT INTO version (registered, number, user, stage, description, source, place, run, run_link, model, made,"
        " changed) VALUES (?,?,?,'','',?,?,?,?,?,0,0) RETURNING id",
        (own, number, given.user_id, source, found.place, run, _link(given.run_link), found.model),
    ).fetchone()[0]
    frozen.freeze(db, made, found.paths, given.user_id)
    return int(made)


def _source(db: Any, given: said.Version) -> tuple[str, Origin]:
    """What it is made of, as it is said here, and where that is. Raises Invalid."""
    source = given.source
    if source.startswith(("runs:/", "models:/")):
        return source, sources.origin(db, source)
    if found := _OF_MODEL.search(source):  # an address in their store: the same files are here
        uid, rest = found.groups()
        place = sources.origin(db, f"models:/{uid}").place
        return f"{place}{rest}", sources.origin(db, f"{place}{rest}")
    if found := _OF_RUN.search(source):
        uid, rest = found.groups()
        place = runs.get(db, uid).place
        return f"{place}/{rest}", sources.origin(db, f"{place}/{rest}")
    raise Invalid(f"its files are no run's and no logged model's: {source[:200]}")


def _under(path: str, found: Origin) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in found.paths)


def _is_run(db: Any, uid: str) -> bool:
    return db.execute("SELECT 1 FROM run WHERE uid = ?", (uid,)).fetchone() is not None


def _link(text: str) -> str:
    return text if text.startswith(("https://", "http://")) and len(text) <= versions.LINK else ""


def _aliases(db: Any, own: int, given: said.Registered, outcome: Outcome) -> None:
    for one in given.aliases:
        try:
            number, alias = said.version_number(one.version), words.alias(one.alias)
            if not db.execute("SELECT 1 FROM version WHERE registered = ? AND number = ?", (own, number)).fetchone():
                raise Unknown(f"version {number} is not here")
        except ArkwrightError as error:
            outcome.left.append((f"the alias {one.alias[:80]} of {given.name}", str(error)))
        else:
            db.execute("INSERT OR REPLACE INTO alias VALUES (?, ?, ?)", (own, alias, number))
