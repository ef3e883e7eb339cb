"""Verbs that move an endpoint: promote (at once, as a canary or as a shadow first) and roll back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Annotated

from arkwright.api.decide import judgement
from arkwright.api.endpoints.terms import current
from arkwright.api.people.accounts import allow
from arkwright.core import versions
from arkwright.core.bounds import Between, Spot
from arkwright.core.durations import seconds
from arkwright.core.errors import Invalid, Outdated, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Endpoint, Release, Terms
from arkwright.core.ports import Entry, Taken
from arkwright.core.record import decode, encode
from arkwright.release import folder as folders
from arkwright.release import signing
from arkwright.sites import Site

SIGNATURE = "signature"  # the ledger's kind for the digest of a release's signature file
SHARES = Between(0, 1, above=True)


def promote(
    site: Site,
    by: Actor,
    project: Path,
    *,
    release: str,
    endpoint: str | None = None,
    share: Annotated[float, SHARES] | None = None,
    shadow: bool = False,
    reason: str = "",
    version: Spot | None = None,
) -> Endpoint:
    """Sign the release and move an endpoint to it: as its `rollout` says, or with this `share`, or as a shadow.

    What the project says of the endpoint goes on record with it; without a project, what is on record stays so. The
    `reason` stands behind what was done. A stopped endpoint answers again when the release is to answer alone.
    Raises Refused saying exactly what is missing, also while a canary is younger than its `hold`; Invalid for a share
    that is none; Outdated where the endpoint is not at `version` any more; Corrupt for a release that has rotted.
    """
    allow(site, by, "own")
    if share is not None:
        SHARES.check("share", share)
    if share is not None and shadow:
        raise Invalid("a shadow has no share: it gets a copy of every request and answers none")
    noun = versions.resolve(site.ledger, Release, release)
    known = current(site, project)
    name = endpoint_for(known, noun, endpoint)
    must_pass(site, noun)
    folders.check_kept(site.store, noun.files, noun.ref)  # no server would load what is not
    seal(site, by, noun)
    before = versions.latest(site.ledger, Endpoint, name)
    must_be_at(name, before, version)
    terms = known[name]
    if before is None:
        if shadow:
            raise Refused(f"{noun.ref} cannot be a shadow: nothing answers at {name} yet")
        said = _because("promoted", reason)
        first = Endpoint(name=name, version=1, shares={noun.ref: 1.0}, reason=said, terms=terms)
        return move(site, by, first, [noun])
    if share is None and not shadow:
        share, shadow = _as_agreed(site, before, noun.ref, terms)
    if before.stopped and (shadow or (share or 1.0) < 1):
        raise Refused(
            f"{before.ref} is stopped by {before.stopped}: {before.reason}; to have {noun.ref} alone answer: "
            f"--share 1; to go on as before: arkwright resume {name}"
        )
    moved = _with_shadow(before, noun.ref) if shadow else _with_share(before, noun.ref, share or 1.0)
    if (moved.shares, moved.shadows) == (before.shares, before.shadows) and not before.stopped:
        if terms == before.terms:
            return before
        moved = replace(moved, reason="its terms changed")
    return move(site, by, replace(moved, terms=terms, reason=_because(moved.reason, reason)), [noun])


def rollback(
    site: Site, by: Actor, project: Path, *, endpoint: str, reason: str = "", version: Spot | None = None
) -> Endpoint:
    """Move an endpoint back to what it answered with before. Raises Refused when there is nothing to go back to,
    Outdated where the endpoint is not at `version` any more.
    """
    allow(site, by, "own")
    now = versions.resolve(site.ledger, Endpoint, endpoint)
    must_be_at(now.name, now, version)
    moved = back(site, now, reason)
    return move(site, by, moved, [versions.resolve(site.ledger, Release, ref) for ref in moved.shares])


def back(site: Site, now: Endpoint, reason: str, bad: Collection[str] = ()) -> Endpoint:
    """An endpoint as it would be, moved back to what it answered with before, without the releases that are `bad`.

    On today's terms: what is redacted now was not always. Raises Refused when there is nothing to go back to.
    """
    gone, later = set(bad), now
    for before in _earlier(site, now):
        gone |= _gone([before, later])
        if before.shares != now.shares and not gone & set(before.shares) and (left := _left(now, before)):
            gone |= _gone(_since_made(site, before))
            if not gone & set(before.shares):
                said = _because(f"rolled back from {', '.join(left)}", reason)
                moved = replace(now, version=now.version + 1, shares=before.shares, shadows=(), reason=said)
                return replace(moved, stopped="", resumed=False)
        later = before
    why = "was rolled back from or broke a promise" if bad else "was rolled back from"
    were = f" but {', '.join(sorted(gone))}, which {why}" if gone else ""
    raise Refused(f"{now.ref} has answered with nothing else before{were}, so there is nothing to go back to")


def _earlier(site: Site, now: Endpoint) -> Iterator[Endpoint]:
    """Every move before this one, the newest first."""
    for version in range(now.version - 1, 0, -1):
        if event := site.ledger.get(Endpoint.KIND, f"{now.name}@{version}"):
            yield decode(Endpoint, event.body)


def _since_made(site: Site, move: Endpoint) -> list[Endpoint]:
    """The moves up to this one, from when the oldest of its releases was made: nobody rolled back from it before."""
    made = [site.ledger.get(Release.KIND, ref.removeprefix(f"{Release.KIND}:")) for ref in move.shares]
    after = min(event.seq if event else 0 for event in made)
    moves = (decode(Endpoint, event.body) for event in site.ledger.find(Endpoint.KIND, f"{move.name}@", after))
    return list(takewhile(lambda one: one.version <= move.version, moves))


def _gone(moves: Sequence[Endpoint]) -> set[str]:
    """What was rolled back from in these moves, one after the other."""
    return {ref for one, later in pairwise(moves) if _back(later) for ref in _left(one, later)}


def must_pass(site: Site, release: Release) -> Entry:
    """Raises Refused when the gate, judged on the latest findings and decisions, does not let this release through.

    The turn to be written with whatever rests on it.
    """
    turn = versions.turn(site.ledger, release.digest)
    now = judgement(site, release)
    if not now.passed:
        why = f"arkwright why {release.name}@{release.version}"
        raise Refused(f"{release.ref} may not be deployed: {'; '.join(now.missing)}; see: {why}")
    return turn


def must_be_at(name: str, now: Endpoint | None, version: int | None) -> None:
    """Raises Outdated where an endpoint was moved since."""
    is_at = now.version if now else 0
    if version is not None and version != is_at:
        raise Outdated(f"endpoint:{name} is at version {is_at}, not {version}; look at it and try again")


def _as_agreed(site: Site, before: Endpoint, ref: str, terms: Terms) -> tuple[float, bool]:
    """The next step of the rollout for this release: (share, whether as a shadow). Raises Refused before its time."""
    if ref in before.shadows or ref in before.shares:
        _must_have_held(site, before, ref, terms)
        return (1.0 if ref in before.shares else terms.canary or 1.0), False
    return terms.canary or 1.0, terms.shadow


def _must_have_held(site: Site, before: Endpoint, ref: str, terms: Terms) -> None:
    if terms.hold is None or before.shares.get(ref) == 1.0:
        return
    event = site.ledger.get(Endpoint.KIND, f"{before.name}@{before.version}")
    assert event is not None
    due = seconds(terms.hold)
    held = (datetime.now(UTC) - datetime.fromisoformat(event.at)).total_seconds()
    if held < due:
        left = max(1, round((due - held) / 60))
        raise Refused(
            f"{ref} must be tried for {terms.hold} before it goes on, {left} min from now; "
            "to move it all the same: --share 1"
        )


def _with_share(before: Endpoint, ref: str, share: float) -> Endpoint:
    """One release with its share, the others with the rest, in the proportions that they had."""
    others = {r: part for r, part in before.shares.items() if r != ref} if share < 1 else {}
    total = sum(others.values())
    if share < 1 and not others:
        raise Refused(f"{ref} answers alone, so there is nothing else to take the rest of the requests")
    shares = {ref: share} | {r: round(part / total * (1 - share), 9) for r, part in others.items()}
    shadows = tuple(r for r in before.shadows if r not in shares)
    reason = "promoted" if share == 1 else f"{ref} answers {100 * share:.4g} % of the requests"
    return Endpoint(name=before.name, version=before.version + 1, shares=shares, shadows=shadows, reason=reason)


def _with_shadow(before: Endpoint, ref: str) -> Endpoint:
    if ref in before.shares:
        raise Refused(f"{ref} answers requests already, so it cannot be a shadow")
    shadows = (ref, *(r for r in before.shadows if r != ref))
    reason = f"{ref} as a shadow"
    return Endpoint(name=before.name, version=before.version + 1, shares=before.shares, shadows=shadows, reason=reason)


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def _back(endpoint: Endpoint) -> bool:
    return endpoint.reason.startswith("rolled back from")


def _left(now: Endpoint, then: Endpoint) -> list[str]:
    """The releases that answer now and did not, or no longer will, then."""
    return [ref for ref in now.shares if ref not in then.shares]


def endpoint_for(known: Mapping[str, Terms], release: Release, wanted: str | None = None) -> str:
    """Which endpoint a release is for. Raises Invalid where it fits none or several; Unknown, Refused for another."""
    fits = [
        n
        for n, terms in known.items()
        if release.name in (terms.model, terms.fallback) and terms.gate == release.gate.name
    ]
    if wanted is not None:
        if wanted not in known:
            raise Unknown(f"no endpoint is called {wanted!r}{did_you_mean(wanted, known)}")
        if wanted not in fits:
            asks = known[wanted]
            passed = f"{release.ref} is a {release.name} for the gate {release.gate.name}"
            raise Refused(f"the endpoint {wanted} takes {_models(asks)} through the gate {asks.gate}; {passed}")
        return wanted
    if len(fits) != 1:
        begin = "add an [endpoint.NAME] for it to the project's arkwright.toml"
        some = f"say which: --endpoint {' or '.join(fits)}" if fits else begin
        raise Invalid(f"{release.ref} fits {len(fits)} endpoints; {some}")
    return fits[0]


def _models(terms: Terms) -> str:
    return f"{terms.model} or {terms.fallback}" if terms.fallback else terms.model


def move(site: Site, by: Actor, moved: Endpoint, releases: Sequence[Release], beside: Sequence[Entry] = ()) -> Endpoint:
    """Compare-and-set, while the gate lets each of these releases through: a refusal in between stops it.

    `beside`: what goes on record with it, or neither does; raises Taken where that is there.
    """
    key = f"{moved.name}@{moved.version}"
    while True:
        turns = {turn.key: turn for turn in (must_pass(site, release) for release in releases)}
        try:
            site.ledger.append(by.name, [*turns.values(), Entry(Endpoint.KIND, key, encode(moved)), *beside])
        except Taken:
            if any(site.ledger.get(entry.kind, entry.key) for entry in beside):
                raise
            there = site.ledger.get(Endpoint.KIND, key)
            if there is None:
                continue  # somebody decided on one of them just now
            if not beside and (there.by, there.body) == (by.name, encode(moved)):
                return moved  # the same person did the same just now: twice at once is once
            raise Refused(f"somebody else moved the endpoint {moved.name} just now; look at it and try again") from None
        return moved


def seal(site: Site, by: Actor, release: Release) -> None:
    """Sign the folder with the site's key, once; the signature's own digest goes on record."""
    if site.ledger.get(SIGNATURE, release.digest):
        return
    with site.scratch("sign") as scratch:
        folders.write(site.store, release.files, scratch / "release", release.ref)
        signing.sign(scratch / "release", scratch / "signature", site.keys)
        digest = site.store.put(scratch / "signature")
    with suppress(Taken):
        site.ledger.append(by.name, [Entry(SIGNATURE, release.digest, encode(digest))])
