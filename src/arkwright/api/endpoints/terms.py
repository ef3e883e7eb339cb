"""On which terms endpoints answer and move: the project's where there is one, else those on record."""

from pathlib import Path

import msgspec

from arkwright.core import versions
from arkwright.core.alarms import Reaction
from arkwright.core.errors import Refused
from arkwright.core.nouns import Endpoint, Terms
from arkwright.core.promises import parse
from arkwright.project import toml
from arkwright.project.spec import EndpointSpec, LogSpec, ReactionSpec
from arkwright.sites import Site


def current(site: Site, project: Path) -> dict[str, Terms]:
    """Of each endpoint: as `arkwright.toml` says now; in a folder that has none, as of the last move."""
    if (project / toml.FILE).exists():
        return {name: _terms(spec) for name, spec in toml.read(project).spec.endpoint.items()}
    latest = (versions.latest(site.ledger, Endpoint, name) for name in versions.names(site.ledger, Endpoint))
    return {endpoint.name: endpoint.terms for endpoint in latest if endpoint and endpoint.terms}


def recorded(endpoint: Endpoint) -> Terms:
    """Raises Refused where none are on record: to log what somebody wanted redacted cannot be made good again."""
    if endpoint.terms is None:
        raise Refused(
            f"the record does not say how answers of {endpoint.ref} are logged: an older Arkwright moved it; "
            f"promote its release again, in the project"
        )
    return endpoint.terms


def _reaction(spec: ReactionSpec) -> Reaction:
    to = parse(spec.to).text if spec.to else None
    return Reaction(**{**msgspec.structs.asdict(spec), "to": to})


def _terms(spec: EndpointSpec) -> Terms:
    log = spec.logged or LogSpec()
    return Terms(
        model=spec.model,
        gate=spec.gate,
        canary=spec.rollout.canary,
        hold=spec.rollout.hold,
        shadow=spec.rollout.shadow,
        log=spec.logged is not None,
        sample=log.sample,
        redact=log.redact,
        keep=log.keep,
        promises=tuple(parse(text).text for text in spec.promises),
        window=spec.watch.window,
        every=spec.watch.every,
        raise_after=spec.watch.raise_after,
        labels_after=spec.watch.labels_after,
        clear_after=spec.watch.clear_after,
        reactions=tuple(_reaction(one) for one in spec.reactions),
        fallback=spec.fallback,
    )
