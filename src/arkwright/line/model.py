"""The model part of the line: a dataset becomes a trained model, which becomes a smaller, faster twin."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from arkwright.core.nouns import Dataset, Finding, Model
from arkwright.core.ports import Store
from arkwright.core.record import digest_of
from arkwright.line.walk import Walk
from arkwright.optimize import table
from arkwright.optimize.table import Measured
from arkwright.project.plan import ModelStep
from arkwright.train import curves


def train(walk: Walk, step: ModelStep, dataset: Dataset) -> Model:
    """The model as it was trained."""
    spec = walk.spec.model[step.name]
    settings = msgspec.to_builtins([spec.target, spec.task, spec.split, spec.groups])
    data = walk.spec.data[step.dataset]
    recipe = walk.recipe(
        "train", step.code, dataset.digest, settings, data.key, data.time, walk.seed, walk.plan.engines
    )
    known = walk.before(Model, step.name, recipe)
    if known:
        return known
    folder = walk.folder(f"train-{step.name}")
    with walk.timed(f"train {step.name}"):
        path = str(walk.site.store.path(dataset.digest))
        arguments = {"model": step.name, "path": path, "seed": walk.seed, "folder": str(folder)}
        if step.rules:
            answer = walk.worker.call("write_rules", arguments | {"rules": msgspec.to_builtins(step.rules)})
        else:
            answer = walk.worker.call("train", arguments)
    return _keep(
        walk, step, recipe, "rules as written" if step.rules else "skops", folder, answer, None, (dataset.ref,)
    )


def optimize(walk: Walk, step: ModelStep, dataset: Dataset, trained: Model) -> Model:
    """The twin that will be served, with the table that explains why it was chosen."""
    spec = walk.spec.model[step.name]
    recipe = walk.recipe("optimize", trained.digest, dataset.digest, spec.score, walk.seed, walk.plan.engines)
    known = walk.before(Model, step.name, recipe)
    if known:
        return known
    before, folder = walk.folder(f"trained-{step.name}"), walk.folder(f"optimize-{step.name}")
    walk.lay_out(trained.files, before)
    with walk.timed(f"optimize {step.name}"):
        path = str(walk.site.store.path(dataset.digest))
        arguments = {"model": step.name, "path": path, "trained": str(before), "folder": str(folder), "seed": walk.seed}
        answer = walk.worker.call("measure_rules" if step.rules else "optimize", arguments)
    return _keep(
        walk, step, recipe, "rules" if step.rules else "onnx", folder, answer, trained.ref, (dataset.ref, trained.ref)
    )


def judge(walk: Walk, step: ModelStep, model: Model, promises: Sequence[str]) -> list[Finding]:
    """Every promise about a model, measured on the held-out rows."""

    def measure(wanted: list[str]) -> Any:
        folder = walk.folder(f"judge-{step.name}")
        walk.lay_out(model.files, folder)
        with walk.timed(f"judge {step.name}"):
            return walk.worker.call("measure_model", {"model": step.name, "folder": str(folder), "promises": wanted})

    return walk.find(model, promises, measure)


def measured(store: Store, model: Model) -> Measured | None:
    """What was measured of the candidates among which this model was chosen; None for a model as it was trained."""
    digest = model.files.get(table.FILE)
    return msgspec.json.decode(store.path(digest).read_bytes(), type=Measured) if digest else None


def drawn(store: Store, model: Model) -> dict[str, curves.Points]:
    """The curves of the fit of a model as it was trained, by their names."""
    digest = model.files.get(curves.FILE)
    return msgspec.json.decode(store.path(digest).read_bytes(), type=dict[str, curves.Points]) if digest else {}


def _keep(
    walk: Walk,
    step: ModelStep,
    recipe: str,
    form: str,
    folder: Path,
    answer: Any,
    parent: str | None,
    parents: tuple[str, ...],
) -> Model:
    files = walk.put(folder, answer["files"])
    identity = {name: digest for name, digest in files.items() if name not in answer["measured"]}
    return walk.keep(
        Model(
            name=step.name,
            version=0,
            digest=digest_of(identity),  # times of this machine do not make it another model
            recipe=recipe,
            run=walk.run,
            parents=parents,
            task=walk.spec.model[step.name].task,
            format=form,
            files=files,
            parent=parent,
            facts=answer["facts"],
        )
    )
