"""The data part of the line: sources become snapshots, snapshots become datasets, promises are measured on each."""

from pathlib import Path
from typing import Any

import msgspec

from arkwright.core.nouns import Column, Dataset, Finding
from arkwright.core.promises import parse
from arkwright.line.walk import Walk
from arkwright.project.plan import DataStep


def make(walk: Walk, step: DataStep, inputs: dict[str, Dataset]) -> Dataset:
    """One dataset, from its source or from its inputs; the same as before when nothing changed."""
    if step.kind == "source":
        return _ingest(walk, step)
    recipe = walk.recipe("transform", step.code, step.row, {name: d.digest for name, d in inputs.items()})
    known = walk.before(Dataset, step.name, recipe)
    if known:
        return known
    folder = walk.folder(f"data-{step.name}")
    paths = {name: str(walk.site.store.path(dataset.digest)) for name, dataset in inputs.items()}
    with walk.timed(f"make {step.name}"):
        answer = walk.worker.call("transform", {"dataset": step.name, "inputs": paths, "folder": str(folder)})
    parents = tuple(dataset.ref for dataset in inputs.values())
    return _keep(walk, step.name, recipe, folder, answer, parents)


def _ingest(walk: Walk, step: DataStep) -> Dataset:
    spec = walk.spec.data[step.name]
    with walk.timed(f"look at {step.name}"):
        fingerprint = walk.worker.call("fingerprint", {"dataset": step.name})
    recipe = walk.recipe("ingest", fingerprint, step.row, spec.null)
    known = walk.before(Dataset, step.name, recipe) if fingerprint else None
    if known:
        return known
    folder = walk.folder(f"data-{step.name}")
    with walk.timed(f"read {step.name}"):
        answer = walk.worker.call("ingest", {"dataset": step.name, "folder": str(folder)})
    if not fingerprint:  # only its rows tell what a live database holds
        recipe = walk.recipe("ingest", walk.site.store.put(folder / "rows.parquet"), step.row, spec.null)
        known = walk.before(Dataset, step.name, recipe)
        if known:
            return known
    return _keep(walk, step.name, recipe, folder, answer, ())


def _keep(walk: Walk, name: str, recipe: str, folder: Path, answer: Any, parents: tuple[str, ...]) -> Dataset:
    with walk.timed(f"keep {name}"):
        quarantined = int(answer["quarantined"])
        return walk.keep(
            Dataset(
                name=name,
                version=0,
                digest=walk.site.store.put(folder / "rows.parquet"),
                recipe=recipe,
                run=walk.run,
                parents=parents,
                rows=answer["rows"],
                columns=msgspec.convert(answer["columns"], tuple[Column, ...]),
                quarantined=quarantined,
                quarantine=walk.site.store.put(folder / "quarantine.parquet") if quarantined else None,
                reasons=answer["reasons"],
                left_out=tuple(answer["left_out"]),
            )
        )


def check(walk: Walk, name: str, datasets: dict[str, Dataset]) -> list[Finding]:
    """Every promise about a dataset, measured in one pass."""
    dataset = datasets[name]
    paths = {other: str(walk.site.store.path(d.digest)) for other, d in datasets.items()}
    columns = {other: msgspec.to_builtins(d.columns) for other, d in datasets.items()}

    def measure(promises: list[str]) -> Any:
        with walk.timed(f"check {name}"):
            arguments = {"dataset": name, "paths": paths, "columns": columns, "promises": promises}
            return walk.worker.call("measure_data", arguments)

    promises = tuple(parse(text).text for text in walk.spec.data[name].promises)
    return walk.find(dataset, promises, measure)
