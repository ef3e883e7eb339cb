"""Verbs that move and answer: promote, roll back, serve, predict. Nothing is loaded that does not verify."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from arkwright.api.decide import judgement
from arkwright.core import versions
from arkwright.core.errors import Corrupt, Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.ports import Entry, Served, Taken
from arkwright.core.record import decode, digest_of, encode
from arkwright.project import toml
from arkwright.project.spec import ProjectSpec
from arkwright.release import folder as folders
from arkwright.release import signing
from arkwright.serve import loaded as serving
from arkwright.serve.predict import predict_once
from arkwright.sites import Site

SIGNATURE = "signature"  # the ledger's kind for the digest of a release's signature file


def promote(site: Site, by: Actor, project: Path, *, release: str, endpoint: str | None = None) -> Endpoint:
    """Sign the release and move an endpoint to it. Raises Refused saying exactly what is missing."""
    noun = versions.resolve(site.ledger, Release, release)
    name = _endpoint_for(toml.read(project).spec, noun, endpoint)
    _must_pass(site, noun)
    _sign(site, by, noun)
    before = versions.latest(site.ledger, Endpoint, name)
    if before and before.shares == {noun.ref: 1.0}:
        return before
    return _move(site, by, name, before, noun, reason="promoted")


def rollback(site: Site, by: Actor, project: Path, *, endpoint: str, reason: str = "") -> Endpoint:
    """Move an endpoint back to what it answered with before. Raises Refused when there is nothing to go back to."""
    now = versions.resolve(site.ledger, Endpoint, endpoint)
    earlier = [e for e in versions.all_of(site.ledger, Endpoint, now.name) if e.version < now.version]
    gone = {ref for e in (*earlier, now) if e.reason.startswith("rolled back from") for ref in _left(e)}
    for before in reversed(earlier):
        if before.shares != now.shares and not gone & set(before.shares):
            noun = versions.resolve(site.ledger, Release, next(iter(before.shares)))
            _must_pass(site, noun)
            left = ", ".join(now.shares)
            return _move(
                site, by, now.name, now, noun, reason=f"rolled back from {left}{': ' if reason else ''}{reason}"
            )
    raise Refused(f"{now.ref} has answered with nothing else before, so there is nothing to go back to")


def serve(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoints: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], None] = print,
) -> None:
    """Answer for these endpoints (default: all that have a release) until stopped."""
    names = list(endpoints) or versions.names(site.ledger, Endpoint)
    if not names:
        raise Refused("no endpoint has a release yet; next: arkwright run, sign, promote")
    with ExitStack() as laid_out:
        site.host.serve({n: laid_out.enter_context(_verified(site, n)) for n in names}, host, port, ready)


def predict(site: Site, by: Actor, project: Path, *, endpoint: str, rows: bytes) -> Any:
    """The answer of an endpoint's release to rows (a JSON object or list), computed here. Raises Invalid."""
    name = versions.resolve(site.ledger, Endpoint, endpoint).name
    with _verified(site, endpoint) as found:
        loaded = serving.load(found.folder, endpoint=name, release=found.release, digest=found.digest)
        return predict_once(loaded, rows)


def _left(endpoint: Endpoint) -> list[str]:
    named = endpoint.reason.removeprefix("rolled back from ")
    return [word.strip(",:") for word in named.split() if word.startswith("release:")]


def _endpoint_for(spec: ProjectSpec, release: Release, wanted: str | None) -> str:
    fits = [n for n, e in spec.endpoint.items() if e.model == release.name and e.gate == release.gate.name]
    if wanted is not None:
        if wanted not in spec.endpoint:
            raise Unknown(f"no endpoint is called {wanted!r}{did_you_mean(wanted, spec.endpoint)}")
        if wanted not in fits:
            asks = spec.endpoint[wanted]
            passed = f"{release.ref} is a {release.name} for the gate {release.gate.name}"
            raise Refused(f"the endpoint {wanted} takes {asks.model} through the gate {asks.gate}; {passed}")
        return wanted
    if len(fits) != 1:
        some = (
            f"say which: --endpoint {' or '.join(fits)}" if fits else "add an [endpoint.NAME] for it to arkwright.toml"
        )
        raise Invalid(f"{release.ref} fits {len(fits)} endpoints; {some}")
    return fits[0]


def _must_pass(site: Site, release: Release) -> None:
    now = judgement(site, release)
    if not now.passed:
        raise Refused(f"{release.ref} may not be deployed: {'; '.join(now.missing)}")


def _move(site: Site, by: Actor, name: str, before: Endpoint | None, release: Release, *, reason: str) -> Endpoint:
    version = before.version + 1 if before else 1
    try:
        moved = Endpoint(name=name, version=version, shares={release.ref: 1.0}, reason=reason)
        return versions.move(site.ledger, by.name, moved)
    except Taken:
        raise Refused(f"somebody else moved the endpoint {name} just now; look at it and try again") from None


def _sign(site: Site, by: Actor, release: Release) -> None:
    """Sign the folder with the site's key, once; the signature's own digest goes on record."""
    if site.ledger.get(SIGNATURE, release.digest):
        return
    with site.scratch("sign") as scratch:
        folders.write(site.store, release.files, scratch / "release")
        signing.sign(scratch / "release", scratch / "signature", site.keys)
        digest = site.store.put(scratch / "signature")
    with suppress(Taken):
        site.ledger.append(by.name, [Entry(SIGNATURE, release.digest, encode(digest))])


@contextmanager
def _verified(site: Site, endpoint: str) -> Iterator[Served]:
    """The release an endpoint answers with, in a folder whose every byte and signature was verified just now; whoever
    asks at the same time has another folder.
    """
    noun = versions.resolve(site.ledger, Endpoint, endpoint)
    release = versions.resolve(site.ledger, Release, next(iter(noun.shares)))
    _must_pass(site, release)
    if digest_of(release.files) != release.digest:
        raise Corrupt(f"{release.ref} does not have the digest that was signed")
    signed = site.ledger.get(SIGNATURE, release.digest)
    if signed is None:
        raise Refused(
            f"{release.ref} is not signed; promote it again: arkwright promote {release.name}@{release.version}"
        )
    with site.scratch("serve") as scratch:
        folders.write(site.store, release.files, scratch / "release")
        signing.verify(scratch / "release", site.store.path(decode(str, signed.body)), site.keys)
        yield Served(scratch / "release", release.ref, release.digest)
