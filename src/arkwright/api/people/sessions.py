"""Verbs about one's own sessions and tokens: see them, end one; and the mark of a browser that entered before."""

from dataclasses import dataclass
from pathlib import Path

from arkwright.api.people.accounts import DAY, allow
from arkwright.api.people.entering import Known
from arkwright.core.errors import Unknown
from arkwright.core.nouns import Actor
from arkwright.core.record import decode
from arkwright.govern import secrets
from arkwright.sites import Site

REMEMBERED = 180 * DAY  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A session or a token, as it may be shown: without its secret. A session without use ends after 12 hours."""

    kind: str
    id: str
    made: float  # seconds since 1970
    expires: float
    seen: float  # of a session: its last use, to within five minutes; 0 of a token
    role: str | None
    signs: tuple[str, ...] | None
    note: str


def sessions(site: Site, by: Actor, project: Path) -> tuple[Pass, ...]:
    """One's own sessions and tokens. Raises Forbidden for whoever holds no more than a token."""
    allow(site, by, "self")
    found = []
    for kind in (secrets.SESSION, secrets.TOKEN):
        for key, body in site.vault.find(kind, f"{by.name}/"):
            kept = decode(secrets.Pass, body)
            made = Pass(
                kind=kind,
                id=key.partition("/")[2],
                made=kept.made,
                expires=kept.expires,
                seen=max(kept.made, kept.seen) if kind == secrets.SESSION else 0.0,
                role=kept.role,
                signs=kept.signs,
                note=kept.note,
            )
            if not secrets.idle(kind, kept):
                found.append(made)
    return tuple(found)


def end(site: Site, by: Actor, project: Path, *, id: str) -> None:  # noqa: A002 - what it is called everywhere
    """End one of one's own sessions or tokens, at once. Raises Unknown."""
    allow(site, by, "self")
    if not any(site.vault.remove(kind, f"{by.name}/{id}") for kind in (secrets.SESSION, secrets.TOKEN)):
        raise Unknown(f"{by.name} has no session and no token {id[:40]!r}")


def remember(site: Site, known: Known) -> str:
    """A mark for the browser from which this account entered: strangers who guess do not keep it out."""
    return secrets.issue(site.vault, secrets.DEVICE, known.account.name, REMEMBERED)


def remembered(site: Site, mark: str, name: str) -> str | None:
    """Which browser it is, if it is one from which this account entered before."""
    found = secrets.redeem(site.vault, secrets.DEVICE, mark)
    return found[0] if found and found[1].account == name.strip().lower() else None
