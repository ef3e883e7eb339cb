"""What is promised of a release rather than of its model's rows: of the packages it is made with, and of its age."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from arkwright.core import versions
from arkwright.core.nouns import Finding, Model, Run
from arkwright.core.ports import Ledger
from arkwright.core.promises import Promise, Reading, parse
from arkwright.core.promises import judge as verdict_on
from arkwright.line import model as models
from arkwright.line.walk import Walk
from arkwright.measures import binding, registry
from arkwright.measures.registry import Scope
from arkwright.measures.shipped import Packages, Shipped
from arkwright.project.plan import ModelStep
from arkwright.sites import Site


def packages(walk: Walk) -> Packages:
    """Those that the bill of materials of a candidate lists."""
    return [(name, version) for name, version in walk.worker.call("packages", {"engines": sorted(walk.plan.engines)})]


def judge(walk: Walk, step: ModelStep, model: Model, packages: Packages, promises: Sequence[str]) -> list[Finding]:
    """A finding for each promise of a gate. What is known of packages is another thing every day, and found anew."""
    of_release = [text for text in promises if _about_release(text)]
    found = models.judge(walk, step, model, [text for text in promises if text not in of_release])
    if of_release:
        with walk.timed(f"look up what {step.name} ships"):
            at_hand = shipped(walk.site, model, packages)
            answers = {text: _finding(text, at_hand) for text in of_release}
        found += walk.find(model, of_release, lambda _: answers, anew=True)
    return sorted(found, key=lambda one: promises.index(one.promise))


def _about_release(text: str) -> bool:
    """Whether a promise is measured on a release."""
    measure = registry.measures().get(parse(text).call.name)
    return measure is not None and measure.stage in registry.OF_RELEASE


def shipped(site: Site, model: Model, packages: Packages, *, files: int = 0, altered: Sequence[str] = ()) -> Shipped:
    """What is at hand of it now; `files` and `altered`: of what is live."""
    return Shipped(
        packages=packages,
        advised=site.advisories.look(packages),
        trained=_trained(site.ledger, model),
        now=datetime.now(UTC),
        files=files,
        altered=tuple(altered),
    )


def reading(promise: Promise, given: Shipped) -> Reading:
    """Raises Unknown or Invalid for a word that the measure does not know."""
    stage = registry.measures()[promise.call.name].stage
    return cast(Reading, binding.bind(promise.call, stage, Scope(columns=()))(given))


def _finding(text: str, given: Shipped) -> dict[str, Any]:
    promise = parse(text)
    found = reading(promise, given)
    word = verdict_on(promise, found).word
    return {
        "verdict": word,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "note": found.note,
        "timed": True,
    }


def _trained(ledger: Ledger, model: Model) -> datetime | None:
    """When the run began that trained it, or the one that it is a smaller twin of."""
    while model.parent:
        model = versions.resolve(ledger, Model, model.parent)
    run = versions.resolve(ledger, Run, model.run)
    began = datetime.fromisoformat(run.started)
    return began if began.tzinfo else began.replace(tzinfo=UTC)
