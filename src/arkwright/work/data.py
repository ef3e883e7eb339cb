"""Tasks about datasets: read a source, make one from others, measure its promises."""

from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Column
from arkwright.core.promises import Promise, Reading, judge, parse
from arkwright.core.rows import Field
from arkwright.data import check
from arkwright.data import ingest as reading
from arkwright.measures import binding, registry
from arkwright.project import rehearse
from arkwright.project.apply import apply
from arkwright.work.warm import warm_up
from arkwright.work.worker import Worker


def fingerprint(worker: Worker, dataset: str) -> str | None:
    """What tells that a source has not changed; None when only its rows can."""
    source = worker.project.spec.data[dataset].source
    assert source
    return reading.fingerprint(source, worker.folder)


def ingest(worker: Worker, dataset: str, folder: str) -> Any:
    """A source as typed rows in `rows.parquet`, and the bad ones in `quarantine.parquet`."""
    source = worker.project.spec.data[dataset].source
    assert source
    _warm_up(worker)
    return _ingest(worker, dataset, source, Path(folder))


def read(worker: Worker, source: str, folder: str) -> None:
    """Any source into `rows.parquet`, its types inferred; no project is needed."""
    _pour(worker, source, Path(folder), None, ("", "NA"))


def transform(worker: Worker, dataset: str, inputs: dict[str, str], folder: str) -> Any:
    """A dataset made by the user's SQL or function, held against its row class when it has one."""
    _warm_up(worker)
    recipe = worker.project.recipe(dataset)
    made = Path(folder) / "made.parquet"
    paths = {name: Path(path) for name, path in inputs.items()}
    if recipe.function is None:
        worker.site.tables.write(recipe.sql, paths, made)
    else:
        given = {name: pq.read_table(path) for name, path in paths.items()}
        pq.write_table(apply(recipe.function, given), made, compression="zstd")
    return _ingest(worker, dataset, str(made), Path(folder))


def _warm_up(worker: Worker) -> None:
    if worker.project.spec.model:
        warm_up()


def _ingest(worker: Worker, dataset: str, source: str, folder: Path) -> Any:
    null = worker.project.spec.data[dataset].null
    return msgspec.to_builtins(_pour(worker, source, folder, worker.project.fields(dataset), null))


def _pour(
    worker: Worker, source: str, folder: Path, row: tuple[Field, ...] | None, null: tuple[str, ...]
) -> reading.Ingested:
    return reading.ingest(
        source,
        folder=worker.folder,
        row=row,
        null=null,
        out=folder / "rows.parquet",
        quarantine=folder / "quarantine.parquet",
        say=worker.say,
    )


def measure(
    worker: Worker, dataset: str, paths: dict[str, str], columns: dict[str, list[Any]], promises: list[str]
) -> Any:
    """A reading and a verdict for each promise about a dataset, in one pass."""
    typed = {name: msgspec.convert(given, tuple[Column, ...]) for name, given in columns.items()}
    scope = rehearse.scope(worker.project, typed, dataset)
    parsed = {text: parse(text) for text in promises}
    bound = {}
    for text, promise in parsed.items():
        where = worker.project.sheet.lines.of("data", dataset, "promises", mentioning=text)
        try:
            bound[text] = binding.bind(promise.call, "data", scope)
        except ArkwrightError as error:
            raise type(error)(f"{where}: {error}") from None
    others = {name: Path(path) for name, path in paths.items()}
    own = others.pop(dataset)
    readings = check.measure(own, bound, others=others, row=worker.project.fields(dataset), trusted=True)
    return {text: found(parsed[text], reading) for text, reading in readings.items()}


def found(promise: Promise, reading: Reading) -> dict[str, Any]:
    """A reading with its verdict, as the line takes it."""
    verdict, timed = judge(promise, reading), registry.measures()[promise.call.name].timed
    return {**msgspec.to_builtins(reading), "verdict": verdict.word, "more_rows": verdict.more_rows, "timed": timed}
