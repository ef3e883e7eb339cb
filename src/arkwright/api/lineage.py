"""Where a thing comes from and where it went: all that it was made of, and what its run made of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from arkwright.api.look import find
from arkwright.core import versions
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Artifact, Dataset, Endpoint, Model, Release
from arkwright.sites import Site

_ARTIFACTS: dict[str, type[Dataset] | type[Model] | type[Release]] = {
    noun.KIND: noun for noun in (Dataset, Model, Release)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing on the way, and what is worth knowing of it at a glance."""

    ref: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """`edges` lead from what was used to what was made of it."""

    subject: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]


def lineage(site: Site, by: Actor, project: Path, *, reference: str) -> Lineage:
    """All ancestors of a dataset, a model or a release, what the same run made of it, and where it answers."""
    subject = find(site, reference)
    if not isinstance(subject, Dataset | Model | Release):
        raise Invalid(f"{subject.ref} is no dataset, model or release; only what was made has a lineage")
    known = _ancestors(site, subject)
    _descendants(site, subject, known)
    edges = {(parent, ref) for ref, noun in known.items() for parent in noun.parents if parent in known}
    nodes = [Node(ref=ref, note=_note(noun)) for ref, noun in known.items()]
    for endpoint in _endpoints(site):
        used = [ref for ref in endpoint.shares if ref in known]
        if used:
            nodes.append(Node(ref=endpoint.ref, note="answers now"))
            edges |= {(ref, endpoint.ref) for ref in used}
    return Lineage(subject=subject.ref, nodes=tuple(nodes), edges=tuple(sorted(edges)))


def _ancestors(site: Site, subject: Artifact) -> dict[str, Artifact]:
    known, ahead = {subject.ref: subject}, list(subject.parents)
    while ahead:
        ref = ahead.pop()
        if ref not in known:
            known[ref] = _artifact(site, ref)
            ahead += known[ref].parents
    return known


def _descendants(site: Site, subject: Artifact, known: dict[str, Artifact]) -> None:
    """Of what the run made, whatever goes back to the subject."""
    made = _made(site, subject.run)
    fresh = {subject.ref}
    while fresh:
        found = {ref: noun for ref, noun in made.items() if ref not in known and fresh & set(noun.parents)}
        known |= found
        fresh = set(found)


def _made(site: Site, run: str) -> dict[str, Artifact]:
    record = find(site, run)
    refs: Iterable[str] = (*getattr(record, "made", ()), *getattr(record, "reused", ()))
    return {ref: _artifact(site, ref) for ref in refs if ref.partition(":")[0] in _ARTIFACTS}


def _artifact(site: Site, ref: str) -> Artifact:
    return versions.resolve(site.ledger, _ARTIFACTS[ref.partition(":")[0]], ref)


def _endpoints(site: Site) -> list[Endpoint]:
    found = (versions.latest(site.ledger, Endpoint, name) for name in versions.names(site.ledger, Endpoint))
    return [endpoint for endpoint in found if endpoint]


def _note(noun: Artifact) -> str:
    if isinstance(noun, Dataset):
        return f"{noun.rows:,} rows"
    if isinstance(noun, Model):
        return noun.format
    return f"gate {noun.gate.name}" if isinstance(noun, Release) else ""
