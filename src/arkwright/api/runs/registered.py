"""Models and prompts that clients registered: the list, one of them, a version. No gate reads any of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arkwright.api.runs.files import Folder, folder
from arkwright.api.runs.tracked import KIND as TRACKED
from arkwright.api.runs.tracked import stamp
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor
from arkwright.sites import Site
from arkwright.tracking import listing, models, registry, runs, versions

TEXT = "mlflow.prompt.text"  # the tag in which clients keep what a prompt says
_PROMPTS = f"tags.`{registry.PROMPT}` = 'true'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A registered model or a prompt. `latest`: the number of its last version, None where there is none."""

    ref: str
    name: str
    description: str
    made: str
    changed: str
    is_prompt: bool
    latest: int | None
    tags: dict[str, str]
    aliases: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version, of which run and logged model, as far as it is known. `run`: (reference, name)."""

    ref: str
    name: str
    number: int
    stage: str
    by: str
    made: str
    description: str
    source: str
    place: str
    model: str
    run: tuple[str, str] | None
    run_link: str
    tags: dict[str, str]
    aliases: tuple[str, ...]

    @property
    def text(self) -> str | None:
        """What a prompt says."""
        return self.tags.get(TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """A part of the list. `next`: what to give as `after`."""

    items: tuple[Named, ...]
    next: str | None


def registered(
    site: Site,
    by: Actor,
    project: Path,
    *,
    text: str = "",
    prompts: bool = False,
    limit: int = 50,
    after: str = "",
) -> Models:
    """Models, or prompts, with this text in the name; the last changed first. Raises Invalid."""
    if not site.tracks:
        return Models(items=(), next=None)

    def look(db: Any) -> Models:
        clauses = [_PROMPTS] if prompts else []
        if text:
            clauses.append(f"name ILIKE {_quoted(f'%{text}%')}")
        asked = " and ".join(clauses)
        found = listing.registered(db, filter=asked, order=(), limit=limit, after=after)
        return Models(items=_named(db, found.items), next=found.next)

    return site.tracking.look(look)


def _quoted(text: str) -> str:
    sign = next((sign for sign in "'\"" if sign not in text), None)
    if sign is None:
        raise Invalid("a name is asked for with one kind of quotation mark in it, not with both")
    return f"{sign}{text}{sign}"


def _named(db: Any, found: Iterable[registry.Registered]) -> tuple[Named, ...]:
    found = tuple(found)
    last = versions.last_of(db, [one.id for one in found])
    return tuple(
        Named(
            ref=registry.reference(one.name),
            name=one.name,
            description=one.description,
            made=stamp(one.made),
            changed=stamp(one.changed),
            is_prompt=one.tags.get(registry.PROMPT) == "true",
            latest=last.get(one.id),
            tags=one.tags,
            aliases=one.aliases,
        )
        for one in found
    )


def model(
    site: Site, by: Actor, project: Path, *, name: str, limit: int = 50, before: int | None = None
) -> tuple[Named, tuple[Version, ...]]:
    """One of them, with its versions before this one, the newest first. Raises Unknown, Invalid."""

    def look(db: Any) -> tuple[Named, tuple[Version, ...]]:
        (named,) = _named(db, [registry.get(db, name)])
        return named, _versions(db, versions.of(db, name, limit, before))

    return site.tracking.look(look)


def version(site: Site, by: Actor, project: Path, *, name: str, number: int) -> Version:
    """Raises Unknown, Invalid."""

    def look(db: Any) -> Version:
        return _versions(db, [versions.get(db, name, number)])[0]

    return site.tracking.look(look)


def files(site: Site, of: Version, path: str = "", after: str = "") -> Folder | None:
    """A folder of a version's files; None for a prompt, which has none. Raises Invalid."""
    return folder(site, of.place, path, after) if of.place else None


def _versions(db: Any, found: Iterable[versions.Version]) -> tuple[Version, ...]:
    found = tuple(found)
    names = runs.names(db, (one.run for one in found if one.run))
    return tuple(
        Version(
            ref=registry.reference(one.name, one.number),
            name=one.name,
            number=one.number,
            stage=one.stage,
            by=one.user,
            made=stamp(one.made),
            description=one.description,
            source=one.source,
            place=one.place,
            model=one.model,
            run=(f"{TRACKED}:{one.run}", names[one.run]) if one.run in names else None,
            run_link=one.run_link,
            tags=one.tags,
            aliases=one.aliases,
        )
        for one in found
    )


def logged_model(site: Site, by: Actor, project: Path, *, uid: str) -> models.Logged:
    """A model that a client logged. Raises Unknown, Invalid."""
    return site.tracking.look(models.get, uid)
