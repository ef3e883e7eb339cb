"""What every part of the line needs at hand, and how its results are kept so that nothing is worked twice."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arkwright.core import versions
from arkwright.core.nouns import Artifact, Dataset, Finding, Model, Release
from arkwright.core.ports import Worker
from arkwright.core.record import digest_of
from arkwright.line.log import Log
from arkwright.project.plan import Plan
from arkwright.project.spec import ProjectSpec
from arkwright.sites import Site

A = TypeVar("A", Dataset, Model, Release)


@dataclass
class Walk:
    """One walk down the line. `fresh`: make everything again, whatever was made before."""

    site: Site
    by: str
    project: Path
    spec: ProjectSpec
    plan: Plan
    worker: Worker
    scratch: Path
    run: str
    seed: int
    log: Log
    fresh: bool = False
    made: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        self.log.say(what)
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[what] = round(self.seconds.get(what, 0.0) + time.perf_counter() - begin, 4)

    def recipe(self, *parts: Any) -> str:
        return digest_of(["arkwright", self.plan.engines.get("arkwright"), *parts])

    def before(self, kind: type[A], name: str, recipe: str) -> A | None:
        """What this recipe made before, if its bytes are still there."""
        if self.fresh:
            return None
        noun = versions.made_before(self.site.ledger, kind, name, recipe)
        return self._reuse(noun) if noun and self._is_whole(noun) else None

    def keep(self, noun: A) -> A:
        """Record what was made; in a fresh walk only the bytes count.

        What another walk made of the same recipe meanwhile is the one, unless its bytes are gone.
        """
        if self.fresh:
            self.made.append(f"{label(noun)}={noun.digest}")
            return noun
        old = versions.made_before(self.site.ledger, type(noun), noun.name, noun.recipe)
        if old and self._is_whole(old):
            return self._reuse(old)
        kept = versions.add_made(self.site.ledger, self.by, noun, replacing=old)
        if kept.run != self.run:
            return self._reuse(kept)
        self.made.append(kept.ref)
        return kept

    def _is_whole(self, noun: Artifact) -> bool:
        return all(self.site.store.has(digest) for digest in files_of(noun))

    def _reuse(self, noun: A) -> A:
        self.reused.append(noun.ref)
        return noun

    def find(
        self, noun: Artifact, promises: Sequence[str], measure: Callable[[list[str]], Any], *, anew: bool = False
    ) -> list[Finding]:
        """A finding per promise on these bytes; what was found before on the same bytes is not measured again.

        How old data are is another matter at every look, and so is what is told to be found `anew`; the times of a
        model were taken once and are kept with it.
        """
        before = [] if anew else versions.findings(self.site.ledger, noun.digest)
        known = {f.promise: f for f in before if not (f.timed and isinstance(noun, Dataset))}
        missing = [promise for promise in promises if promise not in known]
        if missing:
            answers: Mapping[str, Any] = measure(missing)
            new = [
                msgspec.convert(
                    {**answers[p], "subject": noun.ref, "digest": noun.digest, "promise": p, "run": self.run}, Finding
                )
                for p in missing
            ]
            if not self.fresh:
                versions.add_findings(self.site.ledger, self.by, new)
            known.update({f.promise: f for f in new})
        return [known[promise] for promise in promises]

    def folder(self, name: str) -> Path:
        """An empty folder for what is being made."""
        path = self.scratch / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def put(self, folder: Path, files: list[str]) -> dict[str, str]:
        """Keep these files of a folder in the store: path -> digest."""
        return {name: self.site.store.put(folder / name) for name in sorted(files)}

    def lay_out(self, files: Mapping[str, str], folder: Path) -> None:
        """The files of an artifact again, as links to verified bytes in the store."""
        for name, digest in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(self.site.store.path(digest).resolve())


def files_of(noun: Artifact) -> list[str]:
    """Digests of all the bytes an artifact stands for."""
    if isinstance(noun, Model | Release):
        return list(noun.files.values())
    if isinstance(noun, Dataset) and noun.quarantine:
        return [noun.digest, noun.quarantine]
    return [noun.digest]


def label(noun: Artifact) -> str:
    """What an artifact is called without its version: `dataset:departures`, `model:late as onnx`."""
    return f"{noun.KIND}:{noun.name}" + (f" as {noun.format}" if isinstance(noun, Model) else "")
