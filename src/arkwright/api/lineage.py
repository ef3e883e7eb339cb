"""Where a thing comes from and where it went: all that it was made of, and all that was made of it."""

from dataclasses import dataclass
from pathlib import Path

from arkwright.api.look import find
from arkwright.core import versions
from arkwright.core.counted import many
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Actor, Artifact, Dataset, Endpoint, Model, Release
from arkwright.sites import Site

_ARTIFACTS: dict[str, type[Dataset] | type[Model] | type[Release]] = {
    noun.KIND: noun for noun in (Dataset, Model, Release)
}


MOST = 40  # descendants in one picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing on the way, and what is worth knowing of it at a glance."""

    ref: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """`edges` lead from what was used to what was made of it. `more`: so many more were made of it, or of those."""

    subject: str
    nodes: tuple[Node, ...]
    edges: tuple[tuple[str, str], ...]
    more: int = 0


def lineage(site: Site, by: Actor, project: Path, *, reference: str) -> Lineage:
    """All ancestors of a dataset, a model or a release, the newest that was made of it, and where that answers."""
    subject = find(site, reference)
    if not isinstance(subject, Dataset | Model | Release):
        raise Invalid(f"{subject.ref} is no dataset, model or release; only what was made has a lineage")
    known = _ancestors(site, subject)
    more = _descendants(site, subject, known)
    edges = {(parent, ref) for ref, noun in known.items() for parent in noun.parents if parent in known}
    nodes = [Node(ref=ref, note=_note(noun)) for ref, noun in known.items()]
    for endpoint in _endpoints(site):
        used = [ref for ref in endpoint.shares if ref in known]
        if used:
            nodes.append(Node(ref=endpoint.ref, note="answers now"))
            edges |= {(ref, endpoint.ref) for ref in used}
    return Lineage(subject=subject.ref, nodes=tuple(nodes), edges=tuple(sorted(edges)), more=more)


def _ancestors(site: Site, subject: Artifact) -> dict[str, Artifact]:
    known, ahead = {subject.ref: subject}, list(subject.parents)
    while ahead:
        ref = ahead.pop()
        if ref not in known:
            known[ref] = _artifact(site, ref)
            ahead += known[ref].parents
    return known


def _descendants(site: Site, subject: Artifact, known: dict[str, Artifact]) -> int:
    """Whatever goes back to the subject, nearest and newest first, as much as can be looked at; how many were left."""
    ahead, more = [subject.ref], 0
    for ref in ahead:
        fresh = [made for made in site.catalog.made_of(ref) if made not in known]
        room = max(0, MOST - len(ahead))
        more += len(fresh[room:])
        known |= {made: _artifact(site, made) for made in fresh[:room]}
        ahead += fresh[:room]
    return more


def _artifact(site: Site, ref: str) -> Artifact:
    return versions.resolve(site.ledger, _ARTIFACTS[ref.partition(":")[0]], ref)


def _endpoints(site: Site) -> list[Endpoint]:
    found = (versions.latest(site.ledger, Endpoint, name) for name in site.catalog.names(Endpoint))
    return [endpoint for endpoint in found if endpoint]


def _note(noun: Artifact) -> str:
    if isinstance(noun, Dataset):
        return many(noun.rows, "row")
    if isinstance(noun, Model):
        return noun.format
    return f"gate {noun.gate.name}" if isinstance(noun, Release) else ""
