"""Runs, experiments and logged models of elsewhere, written here: each of them whole or not at all, and once.

What came from where stands in `imported`, with a mark of what it was then: what has not changed is not written again.
Every function works on a connection, see `Database`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from arkwright.core.errors import Invalid
from arkwright.tracking import inputs, models, points, runs, words
from arkwright.tracking.importing import said
from arkwright.tracking.importing.reading import Curve

FROM, RUN, EXPERIMENT, MODEL = (
    f"arkwright.imported.{word}" for word in ("from", "run_id", "experiment_id", "model_id")
)  # fmt: skip
PIECE = 50_000  # points
LONGEST = words.MODELS  # characters of a text that some server took
Standing = Literal["new", "changed", "same", "deleted", "strange"]


@dataclass(frozen=True, slots=True)
class Came:
    """From where something comes: the server's address, and who brings it."""

    origin: str
    who: str


def remember(db: Any, came: Came, kind: str, theirs: str, ours: str | int, mark: int) -> None:
    db.execute("INSERT OR REPLACE INTO imported VALUES (?, ?, ?, ?, ?)", (came.origin, kind, theirs, str(ours), mark))


def known(db: Any, origin: str, kind: str, theirs: str) -> tuple[str, int] | None:
    """What it is here, and the mark of what it was there."""
    query = "SELECT ours, done FROM imported WHERE origin = ? AND kind = ? AND theirs = ?"
    row = db.execute(query, (origin, kind, theirs)).fetchone()
    return (row[0], row[1]) if row else None


def standing(
    db: Any, origin: str, kind: Literal["run", "model"], marks: Mapping[str, int]
) -> dict[str, tuple[Standing, int | None]]:
    """How each of these, by its id and mark, stands here, and in which experiment.

    `strange`: of this id, but not from an MLflow server.
    """
    found: dict[str, tuple[Standing, int | None]] = {}
    for uid, mark in marks.items():
        row = db.execute(f"SELECT stage, experiment FROM {kind} WHERE uid = ?", (uid,)).fetchone()  # noqa: S608
        if row is None:
            found[uid] = "new", None
        elif row[0] != runs.ACTIVE:
            found[uid] = "deleted", row[1]
        else:
            found[uid] = _since(db, origin, kind, uid, mark), row[1]
    return found


def _since(db: Any, origin: str, kind: str, uid: str, mark: int) -> Standing:
    before = known(db, origin, kind, uid)
    if before is not None:
        return "same" if before[1] == mark else "changed"
    # the same server may have been asked under another name
    other = db.execute("SELECT 1 FROM imported WHERE kind = ? AND theirs = ? LIMIT 1", (kind, uid)).fetchone()
    return "changed" if other else "strange"


def experiment(db: Any, came: Came, given: said.Experiment, tags: runs.Pairs) -> int | None:
    """Its number here: that of the same name, where there is one. None where it was deleted here."""
    mark, before = said.mark(given), known(db, came.origin, "experiment", given.experiment_id)
    where, value = ("id", int(before[0])) if before else ("name", given.name)
    row = db.execute(f"SELECT id, stage FROM experiment WHERE {where} = ?", (value,)).fetchone()  # noqa: S608
    if row and row[1] != runs.ACTIVE:
        return None
    tagged = [*tags, (FROM, came.origin), (EXPERIMENT, given.experiment_id)]
    if row:
        here, added = int(row[0]), tagged
        if not before:  # what is said of it here stays
            had = runs.pairs_of(db, "experiment_tag", [row])[here]
            added = [(key, value) for key, value in tagged if key not in had]
    else:
        here, added = runs.experiment(db, given.name), tagged
        db.execute(
            "UPDATE experiment SET made = ?, changed = ? WHERE id = ?",
            (given.creation_time, given.last_update_time, here),
        )
    if not before or before[1] != mark:
        runs.put_pairs(db, "experiment_tag", here, added, "tag", LONGEST)
        remember(db, came, "experiment", given.experiment_id, here, mark)
    return here


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """All that was logged to a run or to a model, without what cannot be kept here."""

    params: list[tuple[str, str]]
    tags: list[tuple[str, str]]
    datasets: list[inputs.Dataset]


def run(db: Any, came: Came, here: int, given: said.Run, kept: Logged, curves: Mapping[str, Curve]) -> int:
    """A whole run, new or changed; how many of its points are new."""
    info = given.info
    row = {
        "name": info.run_name, "user": info.user_id, "status": info.state, "started": info.start_time,
        "ended": info.end_time,
    }  # fmt: skip
    own = _put(db, "run", words.uid(info.run_id, "run id"), here, row)
    db.executemany("INSERT OR IGNORE INTO param VALUES (?, ?, ?)", [(own, *pair) for pair in kept.params])
    marks = [(FROM, came.origin), (RUN, info.run_id), (EXPERIMENT, info.experiment_id)]
    runs.put_pairs(db, "run_tag", own, [*kept.tags, *marks], "tag", LONGEST)
    inputs.put(
        db,
        info.run_id,
        datasets=kept.datasets,
        models_in=[link.model_id for link in given.inputs.model_inputs],
        models_out=[(link.model_id, link.step) for link in given.outputs.model_outputs],
    )
    added = _points(db, own, curves)
    remember(db, came, "run", info.run_id, info.run_id, said.mark(given))
    return added


def _put(db: Any, table: Literal["run", "model"], uid: str, here: int, row: Mapping[str, Any]) -> int:
    """Its row, new in this experiment or changed where it is; the row's number."""
    query = f"INSERT INTO {table} (uid, experiment, stage, {', '.join(row)}) VALUES (?, ?, ?{', ?' * len(row)}) "  # noqa: S608
    query += f"ON CONFLICT (uid) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in row)} RETURNING id"
    return int(db.execute(query, (uid, here, runs.ACTIVE, *row.values())).fetchone()[0])


def _points(db: Any, run: int, curves: Mapping[str, Curve]) -> int:
    count = "SELECT count(*) FROM point WHERE series IN (SELECT id FROM series WHERE owner = ?)"
    (before,) = db.execute(count, (run,)).fetchone()
    for key, curve in curves.items():
        for piece in curve.pieces(key, PIECE):
            points.add(db, run, piece)
    return int(db.execute(count, (run,)).fetchone()[0]) - int(before)


def model(db: Any, came: Came, here: int, given: said.Model, kept: Logged) -> None:
    """A whole logged model, new or changed."""
    info = given.info
    row = {
        "name": words.text(info.name, 256, "the model's name"),
        "type": words.text(info.model_type, 500, "the model's type"),
        "run": info.source_run_id, "status": _status(info.status), "made": info.creation_timestamp_ms,
        "changed": info.last_updated_timestamp_ms,
    }  # fmt: skip
    own = _put(db, "model", words.uid(info.model_id, "model id"), here, row)
    runs.put_pairs(db, "model_param", own, kept.params, "parameter", LONGEST)
    marks = [(FROM, came.origin), (MODEL, info.model_id), (EXPERIMENT, info.experiment_id)]
    runs.put_pairs(db, "model_tag", own, [*kept.tags, *marks], "tag", LONGEST)
    models.measure(db, [(info.model_id, _measured(one)) for one in given.data.metrics])
    remember(db, came, "model", info.model_id, info.model_id, said.mark(given))


def _status(text: str | int) -> str:
    by_number = {"1": models.PENDING, "2": models.READY, "3": models.FAILED}
    status = by_number.get(str(text), str(text))
    if status not in by_number.values():
        raise Invalid(f"{status[:40]!r} is no status of a model")
    return status


def _measured(point: said.Metric) -> models.Measured:
    return models.Measured(
        key=point.key, run=point.run_id, dataset=point.dataset_name, digest=point.dataset_digest, step=point.step,
        at=point.timestamp, value=point.value,
    )  # fmt: skip


def fitting(pairs: Iterable[said.Pair], what: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Those pairs that can be kept here, and why others cannot."""
    kept, left = [], []
    for pair in pairs:
        try:
            words.key(pair.key, what)
            words.text(pair.value, LONGEST, f"the {what} {pair.key[:80]}")
        except Invalid as error:
            left.append(str(error))
        else:
            kept.append((pair.key, pair.value))
    return kept, left


def fitting_datasets(given: Sequence[said.DatasetInput]) -> tuple[list[inputs.Dataset], list[str]]:
    kept, left = [], []
    for one in given:
        about = one.dataset
        found = inputs.Dataset(
            name=about.name, digest=about.digest, source_type=about.source_type, source=about.source,
            schema=about.schema, profile=about.profile, tags={tag.key: tag.value for tag in one.tags},
        )  # fmt: skip
        try:
            inputs.row(found)
        except Invalid as error:
            left.append(str(error))
        else:
            kept.append(found)
    return kept, left
