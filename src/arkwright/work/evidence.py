"""What was measured on the held-out rows, kept beside the model so that a new promise needs no new run."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from arkwright.core.record import digest_bytes
from arkwright.measures.evaluation import Evaluation
from arkwright.optimize import table as tables
from arkwright.optimize.table import Measured
from arkwright.train.answers import codes_of, groups_of
from arkwright.train.hashing import hash_rows
from arkwright.work import reference
from arkwright.work.rows import Rows

ROWS, TRAINED, HELD = "evaluation.parquet", "trained_rows.parquet", "held_out.json"
MEASURED = tables.FILE
Array = npt.NDArray[Any]


def evaluation(rows: Rows, task: str, seed: int, trained: tuple[Array, Array | None]) -> Evaluation:
    """The estimator as it was trained, on the held-out rows. Every candidate is this with other answers."""
    held, learnt = rows.inputs.filter(rows.test), rows.inputs.filter(rows.train)
    columns = rows.inputs.column_names
    base = Evaluation(
        task=task,
        truth=codes_of(rows.target.filter(rows.test), task, rows.classes),
        label=trained[0],
        score=trained[1],
        groups=dict(rows.held_groups()),
        test_rows=hash_rows(held, columns, 0),
        train_rows=np.unique(hash_rows(learnt, columns, 0)),
        inputs=_numbers(held),
        seed=seed,
    )
    return replace(base, original=base)


def _numbers(held: pa.Table) -> dict[str, Array]:
    found = {}
    for name, column in zip(held.column_names, held.columns, strict=True):
        kind = column.type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            number = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
            found[name] = number.cast(pa.float64(), safe=False).to_numpy()
    return found


def save(
    folder: Path, measured: Measured, evaluated: Evaluation, rows: Rows, key: Collection[str] = ()
) -> tuple[list[str], list[str]]:
    """Write it all; (files, those of them that another machine would find otherwise)."""
    assert evaluated.original
    assert evaluated.test_rows is not None
    columns: dict[str, Any] = {"truth": evaluated.truth, "label": evaluated.label, "test_row": evaluated.test_rows}
    columns |= {"trained label": evaluated.original.label}
    columns |= _scores("score", evaluated.score) | _scores("trained score", evaluated.original.score)
    columns |= {f"group {name}": values for name, values in evaluated.groups.items()}
    columns |= {f"input {name}": values for name, values in evaluated.inputs.items()}
    pq.write_table(pa.table(columns), folder / ROWS, compression="zstd", compression_level=1)
    pq.write_table(pa.table({"train_row": evaluated.train_rows}), folder / TRAINED, compression="none")
    (folder / MEASURED).write_bytes(msgspec.json.encode(measured))
    digest = digest_bytes(evaluated.test_rows.tobytes() + evaluated.truth.tobytes())
    facts = {
        "digest": digest,
        "rows": len(evaluated.truth),
        "split": rows.split.note,
        "task": evaluated.task,
        "seed": evaluated.seed,
    }
    (folder / HELD).write_bytes(msgspec.json.encode(facts))
    own = [ROWS, TRAINED, MEASURED, reference.save(folder, rows, evaluated, key)]
    return [*own, HELD], own


def load(folder: Path) -> tuple[Measured, Evaluation]:
    """What was measured, and the evaluation of the served model with all that it cost."""
    measured = msgspec.json.decode((folder / MEASURED).read_bytes(), type=Measured)
    held = msgspec.json.decode((folder / HELD).read_bytes())
    table = pq.read_table(folder / ROWS)
    columns = {name: table.column(name).to_numpy() for name in table.column_names if not name.startswith("group ")}
    groups = {
        name.removeprefix("group "): groups_of(table.column(name))
        for name in table.column_names
        if name.startswith("group ")
    }
    evaluated = Evaluation(
        task=held["task"],
        truth=columns["truth"],
        label=columns["label"],
        score=_score("score", columns),
        groups=groups,
        latencies_ms=np.array(measured.latencies_ms),
        size_bytes=measured.size_bytes,
        test_rows=columns["test_row"],
        train_rows=pq.read_table(folder / TRAINED).column("train_row").to_numpy(),
        inputs={n.removeprefix("input "): v for n, v in columns.items() if n.startswith("input ")},
        seed=held["seed"],
    )
    trained = replace(evaluated, label=columns["trained label"], score=_score("trained score", columns))
    return measured, replace(evaluated, original=trained)


def _scores(name: str, score: Array | None) -> dict[str, Array]:
    if score is None:
        return {}
    return {name: score} if score.ndim == 1 else {f"{name} {k}": score[:, k] for k in range(score.shape[1])}


def _score(name: str, columns: dict[str, Array]) -> Array | None:
    if name in columns:
        return columns[name]
    parts = [columns[f"{name} {k}"] for k in range(len(columns)) if f"{name} {k}" in columns]
    return np.column_stack(parts) if parts else None
