"""What an endpoint promises of the release that answers: its packages, its age, and that its bytes are those signed."""

from collections.abc import Iterator, Mapping
from functools import cached_property

import msgspec

from arkwright.api.endpoints.rollout import SIGNATURE
from arkwright.api.watch.log import LoggedWindow
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Corrupt, Lost
from arkwright.core.nouns import Model, Release
from arkwright.core.promises import Promise, Reading
from arkwright.core.record import decode, digest_of
from arkwright.line import shipping
from arkwright.measures.shipped import Packages, Shipped
from arkwright.release import bom, signing
from arkwright.release.candidate import BILL
from arkwright.sites import Site
from arkwright.work.shipping import reading


class Live:
    """One release that answers. It is looked at when a promise asks for it, and then once."""

    def __init__(self, site: Site, release: Release) -> None:
        self._site, self._release = site, release

    def readings(self, _window: LoggedWindow, promises: Mapping[str, Promise]) -> dict[str, Reading]:
        """Of promises about the release, whatever the window."""
        return {text: self._reading(promise) for text, promise in promises.items()}

    def _reading(self, promise: Promise) -> Reading:
        """What cannot be found out is told, and stops no other promise."""
        try:
            return reading(promise, self._shipped)
        except ArkwrightError as error:
            return Reading(None, note=str(error), failed=True)

    @cached_property
    def _shipped(self) -> Shipped:
        model = versions.resolve(self._site.ledger, Model, self._release.model)
        altered = tuple(self._altered())
        files = len(self._release.files)
        return shipping.shipped(self._site, model, self._packages(), files=files, altered=altered)

    def _packages(self) -> Packages:
        """As its bill of materials lists them; none where that is not what was made, which another promise tells."""
        try:
            path = self._site.store.path(self._release.files[BILL])
            return bom.listed(msgspec.json.decode(path.read_bytes()))
        except (KeyError, Corrupt, msgspec.DecodeError):
            return ()

    def _altered(self) -> Iterator[str]:
        """A line for each file that is not what was signed, and for the signature."""
        for path, digest in sorted(self._release.files.items()):
            try:
                self._site.store.path(digest)
            except Corrupt as error:
                yield f"{path} is {'missing' if isinstance(error, Lost) else 'changed'}"
        if digest_of(self._release.files) != self._release.digest:
            yield "the list of its files is not the one that was signed"
        event = self._site.ledger.get(SIGNATURE, self._release.digest)
        if event is None:
            yield "there is no signature"
            return
        try:
            signature = self._site.store.path(decode(str, event.body))
            signed = signing.files(signature, self._site.keys, self._release.ref)
        except ArkwrightError as error:
            yield str(error)
        else:
            if signed != self._release.files:
                yield "the signature is of other files"
