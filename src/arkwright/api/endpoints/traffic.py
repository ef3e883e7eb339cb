"""The verb `serve`: endpoints answer, and follow the ledger. Nothing is loaded that does not verify."""

import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache
from math import inf
from pathlib import Path
from time import monotonic
from typing import Self

from arkwright.api.endpoints import serving as settings
from arkwright.api.endpoints import terms
from arkwright.api.endpoints.rollout import SIGNATURE, must_pass
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Corrupt, Refused
from arkwright.core.nouns import Actor, Endpoint, Release
from arkwright.core.ports import Logged, Routing, Served, Serving, Share, Traffic
from arkwright.core.record import decode, digest_of
from arkwright.core.visible import visible
from arkwright.release import folder as folders
from arkwright.release import signing
from arkwright.sites import Site
from arkwright.work.beside import kept_alive

log = logging.getLogger("arkwright.serve")
AGAIN_S = 60.0  # until what could not be followed is tried again: a disk may have been full


def serve(
    site: Site,
    by: Actor,
    project: Path,
    *,
    endpoints: Sequence[str] = (),
    how: Serving = Serving(),  # noqa: B008 - frozen
    ready: Callable[[str], None] = print,
) -> None:
    """Answer for these endpoints (default: all that have a release) until stopped, and follow them when they move.

    All that it takes is on record: `project` may be any folder. Where it is the endpoints' own and says something else
    by now, that is told. Raises Invalid for settings that no server can live with.
    """
    settings.check(how)
    names = [versions.resolve(site.ledger, Endpoint, name).name for name in endpoints]
    if how.gateway is None and not names and not versions.names(site.ledger, Endpoint):
        raise Refused("no endpoint has a release yet; next: arkwright run, sign, promote")
    _tell_what_differs(site, project, names)
    with _Watch(site, names, strict=how.gateway is None) as watch, ExitStack() as aside:

        @cache  # `ready` is told of each protocol's address
        def compact() -> None:
            aside.enter_context(_compacting(site))

        def serving(address: str) -> None:
            ready(address)
            compact()

        site.host.serve(watch, replace(how, minutes=site.predictions), serving)


def _tell_what_differs(site: Site, project: Path, names: Sequence[str]) -> None:
    """A project that cannot be read now says nothing."""
    with suppress(ArkwrightError):
        said = terms.current(site, project)
        for name in names or versions.names(site.ledger, Endpoint):
            endpoint = versions.resolve(site.ledger, Endpoint, name)
            if endpoint.terms and said.get(name, endpoint.terms) != endpoint.terms:
                log.warning(
                    "[endpoint.%s] was changed since %s was promoted; promote its release again to have it so",
                    name,
                    endpoint.ref,
                )


def _compacting(site: Site) -> AbstractContextManager[None]:
    """Have logged answers made into tables, in a process aside."""
    paths = str(site.folder), str(site.predictions)
    command = [sys.executable, "-m", "arkwright.work.compacting", *paths, str(os.getpid())]
    return kept_alive(command, "makes tables of logged answers")


class _Watch:
    """What the ledger says is to be served, with every release verified and laid out once."""

    def __init__(self, site: Site, names: Sequence[str], *, strict: bool) -> None:
        """`strict`: what does not verify is refused at first."""
        self._site, self._names, self._strict, self._asked = site, names, strict, False
        self._seen: dict[str, int] = {}
        self._again: dict[str, float] = {}  # of an endpoint that is not followed: when it is tried again
        self._routings: dict[str, Routing] = {}
        self._laid_out: dict[str, tuple[ExitStack, Served]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for laid_out in self._laid_out.values():
            laid_out[0].close()

    def __call__(self, held: Collection[str]) -> Traffic | None:
        """The traffic, or None when no endpoint moved; what is `held` stays laid out. What does not verify is left out
        with a word in the log, while the endpoint answers as before.
        """
        ledger = self._site.ledger
        found = [versions.latest(ledger, Endpoint, n) for n in self._names or versions.names(ledger, Endpoint)]
        moved = [endpoint for endpoint in found if endpoint is not None and self._moved(endpoint)]
        if not moved and self._asked:
            return None
        first, again, self._asked = self._strict and not self._asked, self._asked, True
        if again and any(endpoint.stopped for endpoint in moved):
            moved = [endpoint for endpoint in moved if endpoint.stopped]  # nothing is verified before they are
        for endpoint in moved:
            self._seen[endpoint.name] = endpoint.version
            self._again.pop(endpoint.name, None)
            try:
                self._routings[endpoint.name] = self._of(endpoint)
            except Exception as error:  # whatever it is, the others are followed
                if first:
                    raise
                why = str(error) if isinstance(error, (ArkwrightError, OSError)) else repr(error)
                log.error("%s is not followed: %s; it answers as before", endpoint.ref, why)  # noqa: TRY400
                self._again[endpoint.name] = monotonic() + AGAIN_S
        self._clear(held)
        return dict(self._routings)

    def _moved(self, endpoint: Endpoint) -> bool:
        """Since it was looked at; or it could not be followed then, and is tried again."""
        return self._seen.get(endpoint.name) != endpoint.version or self._again.get(endpoint.name, inf) <= monotonic()

    def _of(self, endpoint: Endpoint) -> Routing:
        if endpoint.stopped:
            return Routing((), endpoint.version, stopped=visible(f"stopped by {endpoint.stopped}: {endpoint.reason}"))
        parts = [(ref, part, False) for ref, part in endpoint.shares.items()]
        parts += [(ref, 0.0, True) for ref in endpoint.shadows]
        shares = [Share(self._served(ref), part, shadow) for ref, part, shadow in parts]
        shares.sort(key=lambda share: int(share.served.release.rpartition("@")[2]), reverse=True)
        return Routing(tuple(shares), endpoint.version, self._log(endpoint))

    def _log(self, endpoint: Endpoint) -> Logged | None:
        agreed = terms.recorded(endpoint)
        return Logged(self._site.predictions / endpoint.name, agreed.sample, agreed.redact) if agreed.log else None

    def _served(self, ref: str) -> Served:
        if ref not in self._laid_out:
            stack = ExitStack()
            self._laid_out[ref] = (stack, stack.enter_context(verified(self._site, ref)))
        return self._laid_out[ref][1]

    def _clear(self, held: Collection[str]) -> None:
        """Remove what is neither at work nor to be."""
        used = {share.served.release for routing in self._routings.values() for share in routing.shares}
        for ref in set(self._laid_out) - used - set(held):
            self._laid_out.pop(ref)[0].close()


@contextmanager
def verified(site: Site, ref: str) -> Iterator[Served]:
    """A release in a folder whose every byte and signature was verified just now; whoever asks at the same time has
    another folder.
    """
    release = versions.resolve(site.ledger, Release, ref)
    must_pass(site, release)
    with laid_out(site, release) as served:
        yield served


@contextmanager
def laid_out(site: Site, release: Release) -> Iterator[Served]:
    """The same of a release that answered once, whatever its gate says of it by now."""
    if digest_of(release.files) != release.digest:
        raise Corrupt(f"{release.ref} does not have the digest that was signed")
    signed = site.ledger.get(SIGNATURE, release.digest)
    if signed is None:
        raise Refused(
            f"{release.ref} is not signed; promote it again: arkwright promote {release.name}@{release.version}"
        )
    with site.scratch("serve") as scratch:
        folders.write(site.store, release.files, scratch / "release", release.ref)
        signature = folders.kept(site.store, decode(str, signed.body), f"the signature of {release.ref}")
        signing.verify(scratch / "release", signature, site.keys, release.ref)
        yield Served(scratch / "release", release.ref, release.digest, release.files)
