"""Registered models: names under which versions are numbered, with tags, and aliases that each point at one version.

A prompt is one too, as MLflow's clients keep it: by a tag, its versions hold a text in a tag and have no files.

Every function works on a connection, see `Database`. No gate reads any of it: what goes live is decided in the ledger.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.errors import Invalid, Refused, Unknown
from arkwright.tracking import frozen, runs, words
from arkwright.tracking.runs import Pairs

COLUMNS = "m.id, m.name, m.description, m.made, m.changed"
KIND = "registered"  # in a reference
PROMPT = "mlflow.prompt.is_prompt"  # the tag by which clients tell prompts from models
_OWNED = ("registered_tag", "alias")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A registered model. Times are milliseconds since 1970; `aliases`: the version that each stands for."""

    id: int
    name: str
    description: str
    made: int
    changed: int
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)


def reference(name: str, version: int | None = None) -> str:
    """As a model or one of its versions is spoken of: `registered:wool@3`. What has a meaning there and stands in the
    name reads as in an address: @ as %40, # as %23, and % itself as %25.
    """
    written = re.sub("[%@#]", lambda sign: f"%{ord(sign[0]):02X}", name)
    return f"{KIND}:{written}{'' if version is None else f'@{version}'}"


def spoken(rest: str) -> tuple[str, int | None]:
    """The name and the version that a reference means, after its colon. Raises Invalid."""
    name, at, version = rest.partition("@")
    if at and not re.fullmatch(r"[1-9][0-9]{0,17}", version, re.ASCII):
        raise Invalid(f"{rest[:80]!r} names no version; write {name[:60]}@1")
    return re.sub("%(25|40|23)", lambda code: chr(int(code[1], 16)), name), int(version) if at else None


def create(db: Any, name: str, description: str = "", tags: Pairs = ()) -> None:
    """Raises Refused when the name is taken, Invalid."""
    at, tagged = words.now(), dict(tags)
    words.text(description, words.MODEL_TAG, "the description")
    _free(db, words.model_name(name))
    made = db.execute(
        "INSERT INTO registered (name, description, made, changed, last) VALUES (?, ?, ?, ?, 0) RETURNING id",
        (name, description, at, at),
    ).fetchone()[0]
    runs.put_pairs(db, "registered_tag", made, tagged.items(), "tag", words.MODEL_TAG)


def _free(db: Any, name: str) -> None:
    if db.execute("SELECT 1 FROM registered WHERE name = ?", (name,)).fetchone():
        raise Refused(f"there is a registered model called {name[:80]!r} already")


def number_of(db: Any, name: str) -> int:
    """The model's row. Raises Invalid for what is no name, Unknown."""
    row = db.execute("SELECT id FROM registered WHERE name = ?", (words.model_name(name),)).fetchone()
    if row is None:
        raise Unknown(f"there is no registered model called {name[:80]!r}")
    return int(row[0])


def names(db: Any, most: int = 1000) -> list[str]:
    """The names of models and prompts, the last changed first."""
    return [name for (name,) in db.execute("SELECT name FROM registered ORDER BY changed DESC LIMIT ?", (most,))]


def is_prompt(db: Any, registered: int) -> bool:
    """Whether what stands in this row is a prompt."""
    found = "SELECT 1 FROM registered_tag WHERE owner = ? AND key = ? AND value = 'true'"
    return db.execute(found, (registered, PROMPT)).fetchone() is not None


def stays(key: str) -> str:
    """The name of a tag that may be set or taken away. Raises Invalid."""
    if key == PROMPT:
        raise Invalid("a model cannot become a prompt, nor a prompt a model: register another one")
    return words.key(key, "tag")


def change(db: Any, name: str, *, new: str | None = None, description: str | None = None) -> None:
    """Rename or describe. Raises Unknown, Refused, Invalid."""
    id = number_of(db, name)  # noqa: A001
    if new is not None and new != name:
        _free(db, words.model_name(new))
    words.text(description or "", words.MODEL_TAG, "the description")
    db.execute(
        "UPDATE registered SET name = coalesce(?, name), description = coalesce(?, description), changed = ? "
        "WHERE id = ?",
        (new, description, words.now(), id),
    )


def remove(db: Any, name: str) -> set[str]:
    """With all its versions; digests of their files, which stay where they were logged. Raises Unknown, Invalid."""
    id = number_of(db, name)  # noqa: A001
    gone = frozen.drop(db, [row[0] for row in db.execute("SELECT id FROM version WHERE registered = ?", (id,))])
    db.execute("DELETE FROM version_tag WHERE owner IN (SELECT id FROM version WHERE registered = ?)", (id,))
    db.execute("DELETE FROM version WHERE registered = ?", (id,))
    for table in _OWNED:
        db.execute(f"DELETE FROM {table} WHERE owner = ?", (id,))  # noqa: S608
    db.execute("DELETE FROM registered WHERE id = ?", (id,))
    return gone


def tag(db: Any, name: str, key: str, value: str) -> None:
    """Raises Unknown, Invalid."""
    id = number_of(db, name)  # noqa: A001
    runs.put_pairs(db, "registered_tag", id, [(stays(key), value)], "tag", words.MODEL_TAG)
    touch(db, id)


def untag(db: Any, name: str, key: str) -> None:
    """Nothing happens where there is no such tag. Raises Unknown, Invalid."""
    id = number_of(db, name)  # noqa: A001
    db.execute("DELETE FROM registered_tag WHERE owner = ? AND key = ?", (id, stays(key)))
    touch(db, id)


def alias(db: Any, name: str, key: str, version: int) -> None:
    """Have it stand for this version from now on. Raises Unknown, Invalid."""
    id = number_of(db, name)  # noqa: A001
    if not db.execute("SELECT 1 FROM version WHERE registered = ? AND number = ?", (id, version)).fetchone():
        raise Unknown(f"there is no version {version} of the registered model {name[:80]!r}")
    db.execute("INSERT OR REPLACE INTO alias VALUES (?, ?, ?)", (id, words.alias(key), version))
    touch(db, id)


def unalias(db: Any, name: str, key: str) -> None:
    """Nothing happens where there is no such alias. Raises Unknown, Invalid."""
    id = number_of(db, name)  # noqa: A001
    db.execute("DELETE FROM alias WHERE owner = ? AND key = ?", (id, words.alias(key)))
    touch(db, id)


def touch(db: Any, id: int) -> None:  # noqa: A002
    db.execute("UPDATE registered SET changed = ? WHERE id = ?", (words.now(), id))


def get(db: Any, name: str) -> Registered:
    """Raises Unknown, Invalid."""
    id = number_of(db, name)  # noqa: A001
    return filled(db, db.execute(f"SELECT {COLUMNS} FROM registered m WHERE m.id = ?", (id,)).fetchall())[0]  # noqa: S608


def filled(db: Any, rows: Sequence[Sequence[Any]]) -> list[Registered]:
    """Rows of `COLUMNS` with their tags and aliases."""
    tags = runs.pairs_of(db, "registered_tag", rows)
    aliases: dict[int, dict[str, int]] = {row[0]: {} for row in rows}
    query = "SELECT owner, key, version FROM alias WHERE owner IN (SELECT value FROM json_each(?))"
    for owner, key, version in db.execute(query, (runs.ids(rows),)):
        aliases[owner][key] = version
    return [
        Registered(
            id=row[0], name=row[1], description=row[2], made=row[3], changed=row[4], tags=tags[row[0]],
            aliases=aliases[row[0]],
        )
        for row in rows
    ]  # fmt: skip
