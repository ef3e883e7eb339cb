"""Tasks about models: fit one, find the form in which it is served, measure its promises."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from arkwright.core import frames, rowwise
from arkwright.core.promises import Reading, parse
from arkwright.core.signature import Features, Signature, Tensor
from arkwright.measures import binding
from arkwright.measures.evaluation import Evaluation
from arkwright.measures.registry import Scope
from arkwright.optimize import boosters
from arkwright.optimize.candidates import Held, Variant, variants
from arkwright.optimize.choose import choose
from arkwright.optimize.export import LABEL, PROBABILITIES, VALUE
from arkwright.optimize.table import Candidate, Group, Measured
from arkwright.project.loaded import Project
from arkwright.project.spec import ModelSpec
from arkwright.train import answers, curves, fit, keep
from arkwright.work import code, evidence, latency, safeguards
from arkwright.work.data import found
from arkwright.work.reference import telling_apart
from arkwright.work.rows import Rows
from arkwright.work.worker import Worker

AGREEMENT = 0.999  # where no gate says what agreement it asks for
_SCORES = {"classification": "roc_auc", "regression": "rmse"}
TRAINED, ONNX, SIGNATURE = "as trained", "model.onnx", "signature.json"
_FEWEST = 20  # rows of a group below which a score says nothing


def train(worker: Worker, model: str, path: str, seed: int, folder: str) -> Any:
    """Fit the user's model on the rows that are not held out; the estimator as data."""
    spec, rows = worker.project.spec.model[model], worker.rows(model, path, seed)
    safeguards.check(worker, model, rows)
    function = worker.project.model_function(model)
    trained_on = int(rows.split.train.sum())
    worker.say(f"fit {model} on {trained_on:,} rows")
    inputs, target, report = rows.inputs.filter(rows.train), rows.target.filter(rows.train), curves.Report()
    estimator = fit.fit(function, inputs, target, task=spec.task, seed=seed, report=report)
    keep.save(estimator, Path(folder) / keep.FILE)
    drawn = curves.of(estimator, report)
    (Path(folder) / curves.FILE).write_bytes(msgspec.json.encode(drawn))
    own = [curves.FILE] if drawn else []
    facts = {
        "estimator": type(estimator).__name__,
        "split": rows.split.note,
        "rows trained on": trained_on,
        "rows held out": int(rows.split.test.sum()),
    }
    return {"files": [keep.FILE, *own], "measured": own, "facts": facts}


def optimize(worker: Worker, model: str, path: str, trained: str, folder: str, seed: int) -> Any:
    """Every form in which the model could be served, measured; the chosen one with its evidence."""
    project, rows, out = worker.project, worker.rows(model, path, seed), Path(folder)
    spec, function = project.spec.model[model], project.model_function(model)
    estimator = keep.load(Path(trained) / keep.FILE)
    kind, features = fit.kind_of_inputs(function), project.features(model)
    held_inputs, held_raw = rows.inputs.filter(rows.test), rows.raw.filter(rows.test)

    def answer(table: Any) -> Any:
        return answers.answers(estimator, table, kind=kind, task=spec.task, classes=rows.classes)

    with boosters.all_processors(estimator):
        said = answer(held_inputs)
    base = evidence.evaluation(rows, spec.task, seed, said)
    limit = _agreement(project, model)
    held = Held(held_raw, held_inputs, said, spec.task, rows.classes, limit)
    judge, score = judge_of(base, spec)
    one_by_one = latency.of_estimator(held_raw, spec.source, features, answer)
    size = (Path(trained) / keep.FILE).stat().st_size
    made = [judge.candidate(TRAINED, said, latency.spread(one_by_one), size, servable=False)]
    times: dict[str, Any] = {}
    forms: dict[str, Variant] = {}
    sources = code.sources(project)
    for variant in variants(estimator, held, features, code.fields(project, model, rows)):
        worker.say(f"measure {model}: {variant.name}")
        spread = None
        if variant.model:
            scratch = out / "candidate"
            write(scratch, variant, signature(project, model, rows, variant), sources)
            times[variant.name] = latency.of_release(scratch, held_raw)
            spread = latency.spread(times[variant.name])
            shutil.rmtree(scratch)
        forms[variant.name] = variant
        made.append(judge.of(variant, spread))
    table = choose(made, limit)
    chosen = next(c for c in table if c.chosen)
    variant = forms[chosen.name]
    write(out, variant, signature(project, model, rows, variant), {})
    measured = Measured(
        score=score,
        limit=limit,
        candidates=table,
        size_bytes=len(variant.model),
        latencies_ms=tuple(tuple(line) for line in times[chosen.name].tolist()),
    )
    served = replace(base, label=variant.answers[0], score=variant.answers[1])
    files, own = evidence.save(out, measured, served, rows, telling_apart(project, spec, rows))
    facts: dict[str, Any] = {"form": chosen.name, "score": score, "estimator": type(estimator).__name__}
    facts |= {score: chosen.score} if chosen.score is not None else {}
    return {"files": [ONNX, SIGNATURE, *files], "measured": own, "facts": facts}


def measure(worker: Worker, model: str, folder: str, promises: list[str]) -> Any:
    """A reading and a verdict for each promise about the served model, from what was measured when it was made."""
    spec = worker.project.spec.model[model]
    _, evaluated = evidence.load(Path(folder))
    done = {}
    for text in promises:
        promise = parse(text)
        done[text] = found(promise, binding.bind(promise.call, "model", Scope(spec.groups), spec.task)(evaluated))
    return done


def score_of(spec: ModelSpec) -> str:
    """The measure that candidates are compared by. Rules give no probabilities."""
    return spec.score or ("accuracy" if spec.of_rules and spec.task == "classification" else _SCORES[spec.task])


def judge_of(base: Evaluation, spec: ModelSpec) -> tuple["_Judge", str]:
    """What measures candidates on the same held-out rows as `base`, and the name of its score."""
    score = score_of(spec)
    return _Judge(base, _bind(spec, score), _bind(spec, "agreement")), score


def write(folder: Path, variant: Variant, signed: Signature, sources: dict[str, bytes]) -> None:
    """A candidate as the folder that a server loads."""
    for name, data in sources.items():
        (folder / "code" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "code" / name).write_bytes(data)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX).write_bytes(variant.model)
    (folder / SIGNATURE).write_bytes(msgspec.json.encode(signed))


def signature(project: Project, model: str, rows: Rows, variant: Variant) -> Signature:
    """What the served model takes and gives."""
    spec = project.spec.model[model]
    features, outside = project.features(model), None
    if features is not None and not variant.inside:
        takes = rowwise.kind(features) or frames.kinds(features)[spec.source]
        outside = Features(file=f"code/{project.spec.code}", function=features.__name__, takes=takes)
    fields = code.fields(project, model, rows)
    return Signature(
        model=model,
        task=spec.task,
        target=spec.target,
        columns=tuple(f.column for f in fields if f.name != spec.target),
        inputs=variant.inputs,
        outputs=_outputs(rows, variant),
        classes=rows.classes,
        features=outside,
        key=telling_apart(project, spec, rows),
    )


def _outputs(rows: Rows, variant: Variant) -> tuple[Tensor, ...]:
    names = tuple(str(c) for c in rows.classes)
    if not names:
        return (Tensor(name=VALUE, datatype=variant.outputs[VALUE]),)
    return (
        Tensor(name=LABEL, datatype=variant.outputs[LABEL]),
        Tensor(name=PROBABILITIES, datatype=variant.outputs[PROBABILITIES], columns=names),
    )


def _agreement(project: Project, model: str) -> float:
    """The strictest agreement that a gate of this model asks for."""
    gates = {e.gate for e in project.spec.endpoint.values() if e.model == model}
    asked = [
        bound.limit
        for gate in gates
        for promise in map(parse, project.spec.gate[gate].promises)
        if promise.call.name == "agreement"
        for bound in promise.bounds
        if bound.op in (">=", ">", "==")
    ]
    return max(asked, default=AGREEMENT)


def _bind(spec: ModelSpec, text: str) -> Callable[[Evaluation], Reading]:
    return binding.bind(parse(f"{text} >= 0").call, "model", Scope(spec.groups), spec.task)


class _Judge:
    """Measures candidates on the same held-out rows."""

    def __init__(
        self, base: Evaluation, score: Callable[[Evaluation], Reading], agreement: Callable[[Evaluation], Reading]
    ) -> None:
        self.base, self.score, self.agreement = base, score, agreement

    def of(self, variant: Variant, spread: tuple[float, float] | None) -> Candidate:
        size = len(variant.model)
        made = self.candidate(variant.name, variant.answers, spread, size, servable=bool(variant.model))
        return replace(made, inside=variant.inside, note=variant.note)

    def candidate(
        self, name: str, said: Any, spread: tuple[float, float] | None, size: int, *, servable: bool
    ) -> Candidate:
        evaluated = replace(self.base, label=said[0], score=said[1])
        reading, same = self.score(evaluated), self.agreement(evaluated)
        return Candidate(
            name=name,
            score=reading.value,
            low=reading.low,
            high=reading.high,
            agreement=same.value or 0.0,
            p50_ms=spread[0] if spread else None,
            p99_ms=spread[1] if spread else None,
            size_bytes=size,
            servable=servable,
            groups=tuple(self._groups(evaluated)),
        )

    def _groups(self, evaluated: Evaluation) -> Sequence[Group]:
        done, lean = [], replace(evaluated, groups={}, inputs={}, test_rows=None, original=None)
        for column, values in evaluated.groups.items():
            for name in np.unique(values):
                mask = values == name
                n = int(mask.sum())
                value = self.score(lean.take(mask)).value if n >= _FEWEST else None
                done.append(Group(column=column, group=str(name), rows=n, score=value))
        return done
