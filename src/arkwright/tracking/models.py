"""Models that clients logged (MLflow 3): begun, filled with files, finished; with tags, parameters and measurements."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.errors import Invalid, Unknown
from arkwright.tracking import points, runs, words
from arkwright.tracking.layout import NAN
from arkwright.tracking.runs import ACTIVE, DELETED, Pairs

PENDING, READY, FAILED = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY", "LOGGED_MODEL_UPLOAD_FAILED"
COLUMNS = "l.id, l.uid, l.experiment, l.name, l.type, l.run, l.status, l.stage, l.made, l.changed"
_NOT_IN_NAMES = "/:.%\"'"
_MEASURED = """
INSERT INTO model_metric (owner, key, run, dataset, digest, step, at, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET step = excluded.step, at = excluded.at, value = excluded.value
WHERE (excluded.step, excluded.at) >= (model_metric.step, model_metric.at)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The latest point of a metric that a run found for a model, on a dataset or (both empty) on none in particular."""

    key: str
    run: str
    dataset: str = ""
    digest: str = ""
    step: int = 0
    at: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A logged model; its files are at `place`. `run` made it (empty: none). Times are milliseconds since 1970."""

    id: int
    uid: str
    experiment: int
    name: str
    type: str
    run: str
    status: str
    stage: str
    made: int
    changed: int
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: tuple[Measured, ...] = ()

    @property
    def place(self) -> str:
        """Where the model's files are, as MLflow's clients are told."""
        return f"mlflow-artifacts:/{self.experiment}/models/{self.uid}/artifacts"


def create(
    db: Any,
    experiment: int,
    *,
    name: str = "",
    type: str = "",  # noqa: A002 - what MLflow calls it
    run: str = "",
    params: Pairs = (),
    tags: Pairs = (),
) -> str:
    """A new model's uid, which waits for its files. Raises Unknown, Invalid."""
    if runs.get_experiment(db, id=experiment).stage != ACTIVE:
        raise Invalid(f"experiment {experiment} is deleted: it takes no new models")
    if run:
        runs.number_of(db, run, active=True)
    uid, at = f"m-{words.fresh()}", words.now()
    name = words.model_name(name or f"model-{uid[2:10]}")
    if any(sign in name for sign in _NOT_IN_NAMES):
        raise Invalid(f"invalid model name {name[:80]!r}: none of {' '.join(_NOT_IN_NAMES)}")
    made = db.execute(
        "INSERT INTO model (uid, experiment, name, type, run, status, stage, made, changed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (uid, experiment, name, words.text(type, 500, "the model's type"), run, PENDING, ACTIVE, at, at),
    ).fetchone()[0]
    runs.put_pairs(db, "model_param", made, params, "parameter", words.PARAM)
    runs.put_pairs(db, "model_tag", made, tags, "tag", words.TAG)
    return uid


def number_of(db: Any, uid: str) -> int:
    """The model's row. Raises Invalid for what is no id, Unknown (deleted ones too)."""
    found = "SELECT id FROM model WHERE uid = ? AND stage = ?"
    row = db.execute(found, (words.uid(uid, "model id"), ACTIVE)).fetchone()
    if row is None:
        raise Unknown(f"Logged model with ID '{uid[:80]}' not found.")
    return int(row[0])


def finish(db: Any, uid: str, status: str) -> None:
    """Its files are there, or will never be. Raises Unknown, Invalid."""
    id = number_of(db, uid)  # noqa: A001
    if status not in (READY, FAILED):
        raise Invalid(f"Invalid model status {status[:40]!r}: {READY} or {FAILED}")
    db.execute("UPDATE model SET status = ?, changed = ? WHERE id = ?", (status, words.now(), id))


def remove(db: Any, uid: str) -> None:
    """It is not shown any more; versions that were registered from it still have its files. Raises Unknown, Invalid."""
    id = number_of(db, uid)  # noqa: A001
    db.execute("UPDATE model SET stage = ?, changed = ? WHERE id = ?", (DELETED, words.now(), id))


def put(db: Any, uid: str, *, params: Pairs = (), tags: Pairs = ()) -> None:
    """Raises Unknown, Invalid."""
    id = number_of(db, uid)  # noqa: A001
    runs.put_params(db, "model_param", id, params)
    runs.put_pairs(db, "model_tag", id, tags, "tag", words.TAG)
    db.execute("UPDATE model SET changed = ? WHERE id = ?", (words.now(), id))


def untag(db: Any, uid: str, key: str) -> None:
    """Raises Unknown, Invalid."""
    id = number_of(db, uid)  # noqa: A001
    runs.drop_tag(db, "model_tag", id, key)
    db.execute("UPDATE model SET changed = ? WHERE id = ?", (words.now(), id))


def measure(db: Any, measured: Iterable[tuple[str, Measured]]) -> None:
    """Keep what runs found for models, each beside its uid: the latest of each. Raises Unknown, Invalid."""
    for uid, one in measured:
        words.text(one.dataset, 500, "the dataset's name")
        words.text(one.digest, 36, "the dataset's digest")
        value = NAN if math.isnan(one.value) else one.value
        row = (number_of(db, uid), one.key, one.run, one.dataset, one.digest, one.step, one.at, value)
        db.execute(_MEASURED, row)


def log(db: Any, /, uid: str, *, measured: Sequence[tuple[str, Measured]], **rest: Any) -> None:
    """As `runs.log`, and `measure` with it: all or nothing. Raises Unknown, Invalid."""
    runs.log(db, uid, **rest)
    measure(db, measured)


def get(db: Any, uid: str, *, deleted: bool = False) -> Logged:
    """`deleted`: deleted ones too. Raises Unknown, Invalid."""
    query = f"SELECT {COLUMNS} FROM model l WHERE l.uid = ?"  # noqa: S608
    rows = db.execute(query, (words.uid(uid, "model id"),)).fetchall()
    if not deleted or not rows:
        number_of(db, uid)
    return filled(db, rows)[0]


def of_run(db: Any, uid: str, limit: int) -> list[Logged]:
    """What this run logged, the newest first."""
    query = f"SELECT {COLUMNS} FROM model l WHERE l.run = ? AND l.stage = ? ORDER BY l.id DESC LIMIT ?"  # noqa: S608
    return filled(db, db.execute(query, (uid, ACTIVE, limit)).fetchall())


def filled(db: Any, rows: Sequence[Sequence[Any]]) -> list[Logged]:
    """Rows of `COLUMNS` with their tags, parameters and metrics."""
    tags, params = runs.pairs_of(db, "model_tag", rows), runs.pairs_of(db, "model_param", rows)
    metrics: dict[int, list[Measured]] = {row[0]: [] for row in rows}
    query = (
        "SELECT owner, key, run, dataset, digest, step, at, value FROM model_metric "
        "WHERE owner IN (SELECT value FROM json_each(?))"
    )
    for owner, key, run, dataset, digest, step, at, value in db.execute(query, (runs.ids(rows),)):
        metrics[owner].append(
            Measured(key=key, run=run, dataset=dataset, digest=digest, step=step, at=at, value=points.number(value))
        )
    return [
        Logged(
            id=row[0], uid=row[1], experiment=row[2], name=row[3], type=row[4], run=row[5], status=row[6],
            stage=row[7], made=row[8], changed=row[9], tags=tags[row[0]], params=params[row[0]],
            metrics=tuple(metrics[row[0]]),
        )
        for row in rows
    ]  # fmt: skip
