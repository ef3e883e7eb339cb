"""What is promised of a release rather than of its model's rows: of the packages it is made with, and of its age."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from arkwright.core import ignored, versions
from arkwright.core.nouns import Finding, Model, Run
from arkwright.core.ports import Ledger
from arkwright.core.times import zoned
from arkwright.line import model as models
from arkwright.line.walk import Walk
from arkwright.measures.shipped import Advised, Packages, Shipped
from arkwright.project.plan import ModelStep
from arkwright.sites import Site


def packages(walk: Walk) -> Packages:
    """Those that the bill of materials of a candidate lists."""
    return [(name, version) for name, version in walk.worker.call("packages", {"engines": sorted(walk.plan.engines)})]


def judge(walk: Walk, step: ModelStep, model: Model, packages: Packages, promises: Sequence[str]) -> list[Finding]:
    """A finding for each promise of a gate. What is known of packages is another thing every day, and found anew."""
    of_release = walk.worker.call("about_release", {"promises": list(promises)})
    found = models.judge(walk, step, model, [text for text in promises if text not in of_release])
    if of_release:
        with walk.timed(f"look up what {step.name} ships"):
            at_hand = msgspec.to_builtins(shipped(walk.site, model, packages))
            answers = walk.worker.call("measure_release", {"promises": of_release, "shipped": at_hand})
        found += walk.find(model, of_release, lambda _: answers, anew=True)
    return sorted(found, key=lambda one: promises.index(one.promise))


def shipped(site: Site, model: Model, packages: Packages, *, files: int = 0, altered: Sequence[str] = ()) -> Shipped:
    """What is at hand of it now; `files` and `altered`: of what is live."""
    now = datetime.now(UTC)
    return Shipped(
        packages=packages,
        advised=_without_ignored(site.ledger, site.advisories.look(packages), now),
        newest=site.newest.look(packages),
        trained=_trained(site.ledger, model),
        now=now,
        files=files,
        altered=tuple(altered),
    )


def _without_ignored(ledger: Ledger, advised: Advised, now: datetime) -> Advised:
    """With a word beside each that does not count for now."""
    said = ignored.latest(ledger)
    known = (replace(one, ignored=str(ignored.of(one.names, said, now) or "")) for one in advised.known)
    return replace(advised, known=tuple(known))


def _trained(ledger: Ledger, model: Model) -> datetime | None:
    """When the run began that trained it, or the one that it is a smaller twin of."""
    while model.parent:
        model = versions.resolve(ledger, Model, model.parent)
    run = versions.resolve(ledger, Run, model.run)
    return zoned(datetime.fromisoformat(run.started))
