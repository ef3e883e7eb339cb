"""As whom somebody can sign here: the roles that gates name, in the project's file and in the releases made last."""

from collections.abc import Collection, Sequence
from pathlib import Path

from arkwright.core.errors import ArkwrightError, Invalid, did_you_mean
from arkwright.core.nouns import Account, Release
from arkwright.core.record import valid_name
from arkwright.project import toml
from arkwright.sites import Site

_MOST = 1000  # models whose last release is looked at; accounts


def signing(site: Site, project: Path, signs: Sequence[str], had: Collection[str] = ()) -> tuple[str, ...]:
    """These roles, each once. Raises Invalid for one that no gate names, as far as any is known, but for one of `had`:
    gates may have changed since.
    """
    said = tuple(dict.fromkeys(valid_name(one, "signing role") for one in signs))
    if unsure := [one for one in said if one not in had]:
        known = _named(site, project)
        for one in unsure if known else ():
            if one not in known:
                raise Invalid(
                    f"no gate is signed as {one[:80]!r}{did_you_mean(one, known)}; "
                    f"the gates here name {', '.join(sorted(known))}"
                )
    return said


def offered(site: Site, project: Path) -> list[str]:
    """Those among which one chooses: what gates name, and what somebody holds already."""
    held = {role for account in site.catalog.newest(Account, limit=_MOST) for role in account.signs}
    return sorted(_named(site, project) | held)


def _named(site: Site, project: Path) -> set[str]:
    found = {role for release in site.catalog.newest(Release, limit=_MOST) for role in release.gate.signed_by}
    try:
        gates = toml.read(project).spec.gate.values()
    except ArkwrightError:
        return found  # there is no file, or none that can be read now
    return found | {role for gate in gates for role in gate.signed_by}
