"""The last part of the line: a candidate folder with all its evidence, judged by the gate."""

from dataclasses import replace
from typing import Any

import msgspec

from arkwright.core import versions
from arkwright.core.nouns import Dataset, Finding, Gate, Model, Release, Run
from arkwright.core.promises import parse
from arkwright.core.record import digest_of
from arkwright.core.rules import Judgement, judge_gate
from arkwright.core.safeguards.words import Rule
from arkwright.line.walk import Walk
from arkwright.measures.shipped import Packages
from arkwright.project.plan import ModelStep


def assemble(
    walk: Walk,
    step: ModelStep,
    gate: Gate,
    model: Model,
    facts: dict[str, float | str],
    datasets: dict[str, Dataset],
    findings: list[Finding],
    packages: Packages,
) -> Release:
    """The candidate folder. The same inputs make the same folder, byte for byte; `packages` stand in its bill."""
    endpoint, rules = _safeguards(walk, step, gate)
    findings = [_steady(finding) for finding in findings]
    lineage = {
        "project": walk.spec.project,
        "seed": walk.seed,
        "code": walk.plan.files,
        "engines": walk.plan.engines,
        "data": {name: {"digest": d.digest, "rows": d.rows, "recipe": d.recipe} for name, d in datasets.items()},
        "model": {"digest": model.digest, "recipe": model.recipe},
    }
    evidence = [[f.promise, f.verdict, f.value, f.low, f.high, f.n] for f in findings]
    guarded = [msgspec.to_builtins(rules)] if rules else []
    recipe = walk.recipe("release", lineage, packages, evidence, msgspec.to_builtins(gate), *guarded)
    known = walk.before(Release, step.name, recipe)
    if known:
        return known
    laid, folder = walk.folder(f"model-{step.name}"), walk.folder(f"release-{step.name}")
    walk.lay_out(model.files, laid)
    with walk.timed(f"assemble {step.name}"):
        arguments: dict[str, Any] = {
            "laid": str(laid),
            "folder": str(folder),
            "lineage": lineage,
            "gate": msgspec.to_builtins(gate),
            "findings": msgspec.to_builtins(findings),
            "training": "; ".join(f"{name}: {_number(value)}" for name, value in facts.items()),
        }
        if rules or step.rules:
            path = str(walk.site.store.path(datasets[step.dataset].digest))
            arguments |= {
                "guarded": {"endpoint": endpoint, "rules": msgspec.to_builtins(rules), "path": path, "seed": walk.seed}
            }
        files = walk.put(folder, walk.worker.call("assemble", arguments)["files"])
    return walk.keep(
        Release(
            name=step.name,
            version=0,
            digest=digest_of(files),
            recipe=recipe,
            run=walk.run,
            parents=(model.ref,),
            model=model.ref,
            gate=gate,
            author=walk.by,
            files=files,
            trained_by=_trained_by(walk, model),
        )
    )


def _trained_by(walk: Walk, model: Model) -> tuple[str, ...]:
    """Whose earlier runs made the model, or the one that it is a smaller twin of."""
    made = [model]
    while made[-1].parent:
        made.append(versions.resolve(walk.site.ledger, Model, made[-1].parent))
    runs = {one.run for one in made} - {walk.run}
    return tuple(sorted({versions.resolve(walk.site.ledger, Run, run).author for run in runs} - {walk.by}))


def _safeguards(walk: Walk, step: ModelStep, gate: Gate) -> tuple[str, tuple[Rule, ...]]:
    """The endpoint that this release may answer for, and its rules; another one that may has the same."""
    names = [n for n, e in walk.spec.endpoint.items() if e.model == step.name and e.gate == gate.name]
    return names[0], walk.plan.safeguards.get(names[0], ())


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.10g}"


def _steady(finding: Finding) -> Finding:
    """What the folder says of it: what every run finds anew, a time or what is known by now, stays in the ledger."""
    note = "what was found is in the ledger: arkwright why"
    return replace(finding, value=None, low=None, high=None, n=None, note=note) if finding.timed else finding


def gate(name: str, promises: tuple[str, ...], signed_by: tuple[str, ...]) -> Gate:
    """The gate with its promises in canonical spelling, by which findings are matched."""
    return Gate(name=name, promises=tuple(parse(text).text for text in promises), signed_by=signed_by)


def judge(walk: Walk, release: Release, model: Model, findings: list[Finding]) -> Judgement:
    """What the gate says of it now."""
    said = versions.decisions(walk.site.ledger, release.digest)
    return judge_gate(release, model.digest, findings, said)
