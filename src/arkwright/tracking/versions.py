"""Versions of registered models: numbered from 1 without gaps, whoever registers at the same time; never used twice.

A version is made of the files that were there when it was made: see `frozen`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.errors import Invalid, Unknown
from arkwright.tracking import frozen, registry, runs, words
from arkwright.tracking.registry import PROMPT
from arkwright.tracking.runs import Pairs
from arkwright.tracking.sources import Origin, origin

NONE, STAGING, PRODUCTION, ARCHIVED = "None", "Staging", "Production", "Archived"
STAGES = {stage.lower(): stage for stage in (NONE, STAGING, PRODUCTION, ARCHIVED)}
PROMPT_SOURCES = ("prompt-template", "dummy-source")  # what clients write where a model's files are named
LINK = 500  # characters
COLUMNS = (
    "v.id, m.name, v.number, v.user, v.stage, v.description, v.source, v.place, v.run, v.run_link, v.model, v.made, "
    "v.changed, v.registered"
)
SOURCE = "version v JOIN registered m ON m.id = v.registered"
_LATEST = f"""
SELECT {COLUMNS} FROM {SOURCE} WHERE v.id IN (
    SELECT id FROM (SELECT id, max(number) FROM version WHERE registered IN (SELECT value FROM json_each(?))
    GROUP BY registered, stage)
) ORDER BY v.registered, v.number
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a registered model. `place`: where its files are; `run`, `model`: what made it (empty: unknown)."""

    name: str
    number: int
    user: str
    stage: str
    description: str
    source: str
    place: str
    run: str
    run_link: str
    model: str
    made: int
    changed: int
    tags: dict[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


def create(
    db: Any,
    name: str,
    source: str,
    *,
    user: str,
    run: str = "",
    run_link: str = "",
    model: str = "",
    description: str = "",
    tags: Pairs = (),
) -> int:
    """The new version's number; its files are frozen as they are now.

    Raises Unknown, Invalid: a source that is no run's or logged model's files here.
    """
    registered, tagged = registry.number_of(db, name), dict(tags)
    found = _made_of(db, registered, source, tagged, run=run, model=model)
    words.text(description, words.MODEL_TAG, "the description")
    if words.text(run_link, LINK, "run_link") and not run_link.startswith(("https://", "http://")):
        raise Invalid(f"invalid run_link {run_link[:80]!r}: it begins with https:// or http://")
    at = words.now()
    number = db.execute(
        "UPDATE registered SET last = last + 1, changed = ? WHERE id = ? RETURNING last", (at, registered)
    ).fetchone()[0]
    made = db.execute(
        "INSERT INTO version (registered, number, user, stage, description, source, place, run, run_link, model, made,"
        " changed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) RETURNING id",
        (registered, number, user, NONE, description, source, found.place, found.run, run_link, found.model, at, at),
    ).fetchone()[0]
    frozen.freeze(db, made, found.paths, user)
    runs.put_pairs(db, "version_tag", made, tagged.items(), "tag", words.MODEL_TAG)
    return int(number)


def _made_of(db: Any, registered: int, source: str, tags: Mapping[str, str], *, run: str, model: str) -> Origin:
    """Where its files are: nowhere, for a prompt. Raises Invalid."""
    prompt = registry.is_prompt(db, registered)
    if prompt != (tags.get(PROMPT) == "true"):
        raise Invalid("a version of a prompt has to be a prompt" if prompt else "a version of a model is no prompt")
    if not prompt:
        return origin(db, source, run=run, model=model)
    if source not in PROMPT_SOURCES:
        raise Invalid(f"Invalid prompt source: {source[:80]!r}. It is {PROMPT_SOURCES[0]!r}: a prompt has no files.")
    return Origin(place="", run=run if run and runs.get(db, run) else "")


def _row(db: Any, name: str, number: int) -> tuple[int, int]:
    """(the version's row, the model's). Raises Unknown, Invalid."""
    registered = registry.number_of(db, name)
    found = db.execute("SELECT id FROM version WHERE registered = ? AND number = ?", (registered, number)).fetchone()
    if found is None:
        raise Unknown(f"there is no version {number} of the registered model {name[:80]!r}")
    return int(found[0]), registered


def get(db: Any, name: str, number: int) -> Version:
    """Raises Unknown, Invalid."""
    id, _ = _row(db, name, number)  # noqa: A001
    return filled(db, db.execute(f"SELECT {COLUMNS} FROM {SOURCE} WHERE v.id = ?", (id,)).fetchall())[0]  # noqa: S608


def by_alias(db: Any, name: str, alias: str) -> Version:
    """`latest` stands for the last one. Raises Unknown, Invalid (no such alias, as MLflow's own server says it)."""
    registered = registry.number_of(db, name)
    if alias.lower() == "latest":
        row = db.execute(
            "SELECT number FROM version WHERE registered = ? ORDER BY number DESC", (registered,)
        ).fetchone()
    else:
        found = "SELECT version FROM alias WHERE owner = ? AND key = ?"
        row = db.execute(found, (registered, words.alias(alias))).fetchone()
    if row is None:
        raise Invalid(f"Registered model alias {alias[:80]} not found.")
    return get(db, name, row[0])


def of(db: Any, name: str, limit: int, before: int | None = None) -> list[Version]:
    """The versions of a model before this one, the newest first. Raises Unknown, Invalid."""
    query = f"SELECT {COLUMNS} FROM {SOURCE} WHERE v.registered = ? AND v.number < ? ORDER BY v.number DESC LIMIT ?"  # noqa: S608
    given = (registry.number_of(db, name), before or 1 << 62, limit)
    return filled(db, db.execute(query, given).fetchall())


def last_of(db: Any, registered: Sequence[int]) -> dict[int, int]:
    """The last number of each of these models that has versions."""
    given = "[" + ",".join(map(str, registered)) + "]"
    query = (
        "SELECT registered, max(number) FROM version WHERE registered IN (SELECT value FROM json_each(?)) GROUP BY 1"
    )
    return dict(db.execute(query, (given,)).fetchall())


def latest(db: Any, name: str, stages: Sequence[str] = ()) -> list[Version]:
    """The last version in each of these stages; of all stages where none is named. Raises Unknown, Invalid."""
    wanted = {stage(one) for one in stages} or set(STAGES.values())
    registered = registry.number_of(db, name)
    return [one for one in latest_of(db, [registered]).get(name, []) if one.stage in wanted]


def latest_of(db: Any, registered: Sequence[int]) -> dict[str, list[Version]]:
    """The last version in each stage of these models, by the model's name."""
    found: dict[str, list[Version]] = {}
    given = "[" + ",".join(map(str, registered)) + "]"
    for one in filled(db, db.execute(_LATEST, (given,)).fetchall()):
        found.setdefault(one.name, []).append(one)
    return found


def describe(db: Any, name: str, number: int, description: str) -> None:
    """Raises Unknown, Invalid."""
    id, registered = _row(db, name, number)  # noqa: A001
    words.text(description, words.MODEL_TAG, "the description")
    db.execute("UPDATE version SET description = ? WHERE id = ?", (description, id))
    _touch(db, id, registered)


def move(db: Any, name: str, number: int, to: str, *, archive: bool = False) -> None:
    """Into another stage; `archive`: whatever is in that stage leaves it. Raises Unknown, Invalid."""
    id, registered = _row(db, name, number)  # noqa: A001
    to = stage(to)
    if archive and to not in (STAGING, PRODUCTION):
        raise Invalid(f"archive_existing_versions goes with {STAGING} and {PRODUCTION}, not with {to}")
    if archive:
        db.execute(
            "UPDATE version SET stage = ?, changed = ? WHERE registered = ? AND stage = ? AND id != ?",
            (ARCHIVED, words.now(), registered, to, id),
        )
    db.execute("UPDATE version SET stage = ? WHERE id = ?", (to, id))
    _touch(db, id, registered)


def stage(text: str) -> str:
    """As it is written here. Raises Invalid."""
    found = STAGES.get(text.lower())
    if found is None:
        raise Invalid(f"Invalid Model Version stage: {text[:40]!r}. Value must be one of {', '.join(STAGES.values())}.")
    return found


def remove(db: Any, name: str, number: int) -> set[str]:
    """With the aliases that stand for it; digests of its files. Its number is not used again.

    Raises Unknown, Invalid.
    """
    id, registered = _row(db, name, number)  # noqa: A001
    db.execute("DELETE FROM alias WHERE owner = ? AND version = ?", (registered, number))
    db.execute("DELETE FROM version_tag WHERE owner = ?", (id,))
    db.execute("DELETE FROM version WHERE id = ?", (id,))
    registry.touch(db, registered)
    return frozen.drop(db, [id])


def tag(db: Any, name: str, number: int, key: str, value: str) -> None:
    """Raises Unknown, Invalid."""
    id, registered = _row(db, name, number)  # noqa: A001
    runs.put_pairs(db, "version_tag", id, [(registry.stays(key), value)], "tag", words.MODEL_TAG)
    _touch(db, id, registered)


def untag(db: Any, name: str, number: int, key: str) -> None:
    """Nothing happens where there is no such tag. Raises Unknown, Invalid."""
    id, registered = _row(db, name, number)  # noqa: A001
    db.execute("DELETE FROM version_tag WHERE owner = ? AND key = ?", (id, registry.stays(key)))
    _touch(db, id, registered)


def _touch(db: Any, id: int, registered: int) -> None:  # noqa: A002
    db.execute("UPDATE version SET changed = ? WHERE id = ?", (words.now(), id))
    registry.touch(db, registered)


def filled(db: Any, rows: Sequence[Sequence[Any]]) -> list[Version]:
    """Rows of `COLUMNS` with their tags and aliases."""
    tags = runs.pairs_of(db, "version_tag", rows)
    aliases: dict[tuple[int, int], list[str]] = {}
    query = "SELECT owner, key, version FROM alias WHERE owner IN (SELECT value FROM json_each(?)) ORDER BY key"
    for owner, key, version in db.execute(query, (runs.ids({(row[13],) for row in rows}),)):
        aliases.setdefault((owner, version), []).append(key)
    return [
        Version(
            name=row[1], number=row[2], user=row[3], stage=row[4], description=row[5], source=row[6], place=row[7],
            run=row[8], run_link=row[9], model=row[10], made=row[11], changed=row[12], tags=tags[row[0]],
            aliases=tuple(aliases.get((row[13], row[2]), ())),
        )
        for row in rows
    ]  # fmt: skip
