"""The line: every room in turn. A broken promise about data stops it; a broken promise about the model refuses the
release, and keeps the evidence.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.masked import serverless
from arkwright.core.nouns import Dataset, Finding, Model, Release, Run
from arkwright.core.record import digest_of, encode, now
from arkwright.core.rules import Judgement, found
from arkwright.line import data, model, release, shipping
from arkwright.line.ending import LOGS, bring_in, end
from arkwright.line.log import Log
from arkwright.line.walk import Walk
from arkwright.optimize.table import Measured
from arkwright.project import toml
from arkwright.project.plan import ModelStep, Plan
from arkwright.sites import Site

Say = Callable[[str], None]
BEGINS = " begins"  # behind the run's reference, in what is said when it is on record
CODE = "code"  # in a run's scratch: the copy of the project's code that runs


@dataclass(frozen=True)
class Outcome:
    """What became of one model: its trained and its served form, and what the gate says."""

    trained: Model
    model: Model
    measured: Measured | None
    findings: tuple[Finding, ...]
    release: Release | None = None
    judgement: Judgement | None = None


@dataclass(frozen=True)
class Result:
    """What a walk made. `problem` is None when every promise was kept."""

    run: Run
    datasets: dict[str, Dataset]
    findings: tuple[Finding, ...]
    outcomes: dict[str, Outcome]
    problem: str | None


def run(site: Site, by: str, folder: Path, *, say: Say, seed: int | None = None) -> Result:
    """Walk the whole line. What was made before from the same inputs, code and parameters is not made again."""
    with walking(site, by, folder, say, seed) as walk:
        record = _start(walk)
        try:
            result = _work(walk, record)
        except BaseException as error:
            _end(walk, record, "failed", _why(error))
            raise
        ended = _end(walk, record, "failed" if result.problem else "finished", result.problem)
        return replace(result, run=ended)


def plan(site: Site, by: str, folder: Path, *, say: Say) -> Plan:
    """Load and rehearse only. Raises Invalid with every mistake."""
    with walking(site, by, folder, say, None) as walk:
        return walk.plan


def remake(site: Site, by: str, folder: Path, *, say: Say, seed: int, datasets: dict[str, Dataset]) -> dict[str, str]:
    """Make every model again from these snapshots of the sources, keeping nothing; label -> digest."""
    with walking(site, by, folder, say, seed) as walk:
        walk.fresh = True
        made: dict[str, Dataset] = {}
        for step in walk.plan.data:
            made[step.name] = (
                datasets[step.name]
                if step.kind == "source"
                else data.make(walk, step, {name: made[name] for name in step.inputs})
            )
        for model_step in walk.plan.models:
            trained = model.train(walk, model_step, made[model_step.dataset])
            model.optimize(walk, model_step, made[model_step.dataset], trained)
        return dict(line.rsplit("=", 1) for line in walk.made)


def _work(walk: Walk, record: Run) -> Result:
    datasets: dict[str, Dataset] = {}
    findings: list[Finding] = []
    for step in walk.plan.data:
        datasets[step.name] = data.make(walk, step, {name: datasets[name] for name in step.inputs})
    for step in walk.plan.data:
        findings += data.check(walk, step.name, datasets)
    problem = _broken(findings)
    outcomes = {}
    if not problem:
        outcomes = _models(walk, datasets, findings)
        refused = [o for o in outcomes.values() if o.judgement and not o.judgement.promises_kept]
        problem = _refusal(refused)
    return Result(record, datasets, tuple(findings), outcomes, problem)


def _models(walk: Walk, datasets: dict[str, Dataset], findings: list[Finding]) -> dict[str, Outcome]:
    """Every model's outcome. One that fails does not keep the others from being made; it is told in the end."""
    outcomes: dict[str, Outcome] = {}
    failed: dict[str, ArkwrightError] = {}
    for step in walk.plan.models:
        try:
            outcomes[step.name] = _model(walk, step, datasets, findings)
        except ArkwrightError as error:
            if len(walk.plan.models) == 1:
                raise
            failed[step.name] = error
    if failed:
        lines = [f"model {name}: {error}" for name, error in failed.items()]
        lines += [f"{o.release.ref} was made all the same" for o in outcomes.values() if o.release]
        raise type(next(iter(failed.values())))("\n".join(lines))
    return outcomes


def _broken(findings: list[Finding]) -> str | None:
    bad = [f"{f.subject}: {f.promise} is {f.verdict}, {found(f)}" for f in findings if f.verdict != "kept"]
    return "\n".join([*bad, "nothing was trained"]) if bad else None


def _refusal(refused: list[Outcome]) -> str | None:
    lines: list[str] = []
    for outcome in refused:
        assert outcome.judgement
        assert outcome.release
        judgement, refusal = outcome.judgement, f"{outcome.release.ref} is refused"
        bad = [f for f in judgement.findings if f.verdict != "kept"]
        lines += [f"{refusal}: {f.promise} is {f.verdict}, {found(f)}" for f in bad]
        lines += [f"{refusal}: {promise} was not measured" for promise in judgement.unmeasured]
    return "\n".join(lines) or None


def _model(walk: Walk, step: ModelStep, datasets: dict[str, Dataset], about_data: list[Finding]) -> Outcome:
    dataset = datasets[step.dataset]
    trained = model.train(walk, step, dataset)
    served = model.optimize(walk, step, dataset, trained)
    measured, packages = model.measured(walk.site.store, served), shipping.packages(walk)
    outcome = Outcome(trained, served, measured, ())
    for name in sorted({e.gate for e in walk.spec.endpoint.values() if e.model == step.name}):
        spec = walk.spec.gate[name]
        gate = release.gate(name, spec.promises, spec.signed_by)
        findings = shipping.judge(walk, step, served, packages, gate.promises)
        facts = trained.facts | served.facts
        about = [*about_data, *findings]
        candidate = release.assemble(walk, step, gate, served, facts, datasets, about, packages)
        judgement = release.judge(walk, candidate, served, findings)
        outcome = Outcome(trained, served, measured, tuple(findings), candidate, judgement)
    return outcome


@contextmanager
def walking(
    site: Site, by: str, folder: Path, say: Say, seed: int | None, *, within: float | None = None
) -> Iterator[Walk]:
    """A walk that can begin: the project is rehearsed. `within`: seconds after which its worker is given up."""
    folder = folder.resolve()
    spec = toml.read(folder).spec
    with suppress(ArkwrightError, OSError):  # what others left must not be in the way
        bring_in(site)
    with (
        _log(site, say) as log,
        site.scratch("run") as scratch,
        closing(site.runner.start(folder, log.path, log.say, within=within)) as worker,
    ):
        aside = scratch / CODE
        aside.mkdir()
        plan = msgspec.convert(worker.call("plan", {"aside": str(aside)}), Plan)
        number = spec.seed if seed is None else seed
        yield Walk(site, by, folder, spec, plan, worker, scratch, run="", seed=number, log=log)


@contextmanager
def _log(site: Site, say: Say) -> Iterator[Log]:
    """A run's log ends with the run. Of a walk without a run only what was printed before it failed is kept."""
    log = Log(site.folder / LOGS / f"run-{uuid.uuid4().hex[:12]}.log", say)
    try:
        yield log
    except BaseException:
        if log.run is None:
            if log.printed:
                log.say(f"what the code printed is kept in {site.folder.name}/{LOGS}/{log.path.name}")
            log.end(keep=True)
        raise
    else:
        if log.run is None:
            log.end(keep=False)
    finally:
        log.close()


def _start(walk: Walk) -> Run:
    sources = {name: walk.site.store.put(walk.scratch / CODE / name) for name in walk.plan.files}
    code = walk.site.store.put_bytes(encode(sources).encode())
    record = Run(
        name=walk.spec.project,
        version=0,
        author=walk.by,
        state="started",
        started=now(),
        seed=walk.seed,
        code=code,
        lock=digest_of(walk.plan.engines),
    )
    walk.log.begins(record)
    record = versions.add(walk.site.ledger, walk.by, record)
    walk.log.begins(record)
    walk.run = record.ref
    walk.log.say(f"{record.ref}{BEGINS}")
    return record


def _why(error: BaseException) -> str:
    """What stopped a run, for its record."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped by Ctrl-C"
    return serverless(str(error)) if isinstance(error, ArkwrightError) else type(error).__name__


def _end(walk: Walk, record: Run, state: str, error: str | None) -> Run:
    ended = replace(
        record,
        state=state,
        ended=now(),
        made=tuple(walk.made),
        reused=tuple(dict.fromkeys(walk.reused)),
        seconds=walk.seconds,
        error=error,
    )
    return end(walk.site, walk.by, walk.log, ended)
