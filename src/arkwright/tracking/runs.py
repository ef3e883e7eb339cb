"""Runs and experiments: begin, change, log, end. Every function works on a connection, see `Database`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.errors import Invalid, Refused, Unknown
from arkwright.core.record import decode, encode
from arkwright.tracking import points, words
from arkwright.tracking.points import Point

ACTIVE, DELETED = "active", "deleted"
RUNNING, FINISHED, FAILED = "RUNNING", "FINISHED", "FAILED"
NAME, LOGGED = "mlflow.runName", "mlflow.log-model.history"  # tags that MLflow's clients read
STATES = (RUNNING, "SCHEDULED", FINISHED, FAILED, "KILLED")
LEASE_MS = 30_000  # a run of ours that has not been heard of for so long has crashed
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A name under which runs are gathered."""

    id: int
    name: str
    stage: str
    made: int
    changed: int
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked:
    """A run that a client logged by hand. Times are milliseconds since 1970; `metrics` holds the latest point of each.

    A point is (value, step, time).
    """

    uid: str
    experiment: int
    name: str
    user: str
    status: str
    stage: str
    started: int
    ended: int | None
    id: int
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, tuple[float, int, int]] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where the run's files are, as MLflow's clients are told."""
        return f"mlflow-artifacts:/{self.experiment}/{self.uid}/artifacts"


def experiment(db: Any, name: str, tags: Pairs = ()) -> int:
    """A new experiment's id. Raises Refused when the name is taken, Invalid."""
    if not name.strip():
        raise Invalid(f"invalid experiment name {name!r}: it is empty")
    words.text(name, words.EXPERIMENT, "the experiment's name")
    at = words.now()
    taken = db.execute("SELECT stage FROM experiment WHERE name = ?", (name,)).fetchone()
    if taken:
        hint = "; it is deleted: restore it, or take another name" if taken[0] == DELETED else ""
        raise Refused(f"there is an experiment called {name[:80]!r} already{hint}")
    # the first is 0, as clients expect
    made = "INSERT INTO experiment VALUES ((SELECT coalesce(max(id) + 1, 0) FROM experiment), ?, ?, ?, ?) RETURNING id"
    found = db.execute(made, (name, ACTIVE, at, at)).fetchone()[0]
    put_pairs(db, "experiment_tag", found, tags, "tag", words.EXPERIMENT_TAG)
    return int(found)


def experiment_called(db: Any, name: str) -> int:
    """The experiment of this name, made if there is none."""
    found = db.execute("SELECT id FROM experiment WHERE name = ?", (name,)).fetchone()
    return int(found[0]) if found else experiment(db, name)


def get_experiment(db: Any, *, id: int | None = None, name: str | None = None) -> Experiment:  # noqa: A002
    """Raises Unknown."""
    where, value = ("id", id) if name is None else ("name", name)
    rows = db.execute(f"SELECT {EXPERIMENT} FROM experiment e WHERE {where} = ?", (value,)).fetchall()  # noqa: S608
    if not rows:
        raise Unknown(f"there is no experiment with the {where} {str(value)[:80]!r}")
    return experiments(db, rows)[0]


def experiments(db: Any, rows: Sequence[Sequence[Any]]) -> list[Experiment]:
    """Rows of `EXPERIMENT` with their tags."""
    tags = pairs_of(db, "experiment_tag", rows)
    return [
        Experiment(id=row[0], name=row[1], stage=row[2], made=row[3], changed=row[4], tags=tags[row[0]]) for row in rows
    ]


def ids(rows: Iterable[Sequence[Any]]) -> str:
    """What stands first in each, as a list that SQL can look into."""
    return "[" + ",".join(str(row[0]) for row in rows) + "]"


def tag_experiment(db: Any, id: int, key: str, value: str) -> None:  # noqa: A002
    """Raises Unknown, Invalid."""
    get_experiment(db, id=id)
    put_pairs(db, "experiment_tag", id, [(key, value)], "tag", words.EXPERIMENT_TAG)
    db.execute("UPDATE experiment SET changed = ? WHERE id = ?", (words.now(), id))


def change_experiment(db: Any, id: int, *, name: str | None = None, stage: str | None = None) -> None:  # noqa: A002
    """Rename, delete or restore. Raises Unknown, Refused."""
    kept = get_experiment(db, id=id)
    if stage == kept.stage:  # its runs are left as they are
        raise Unknown(f"experiment {id} is {stage} already")
    if name is not None:
        if kept.stage != ACTIVE:
            raise Invalid(f"experiment {id} is deleted: it cannot be renamed")
        words.text(name, words.EXPERIMENT, "the experiment's name")
        if name != kept.name and db.execute("SELECT 1 FROM experiment WHERE name = ?", (name,)).fetchone():
            raise Refused(f"there is an experiment called {name[:80]!r} already")
    at = words.now()
    db.execute(
        "UPDATE experiment SET name = ?, stage = ?, changed = ? WHERE id = ?",
        (name or kept.name, stage or kept.stage, at, id),
    )
    if stage:  # its runs go with it, and come back with it
        db.execute("UPDATE run SET stage = ? WHERE experiment = ?", (stage, id))


def begin(
    db: Any,
    *,
    experiment: int,
    name: str,
    user: str,
    started: int | None = None,
    tags: Pairs = (),
    uid: str | None = None,
    leased: bool = False,
) -> str:
    """A new run's uid. `leased`: it counts as crashed when it is not heard of for `LEASE_MS`."""
    if get_experiment(db, id=experiment).stage != ACTIVE:
        raise Invalid(f"experiment {experiment} is deleted: it takes no new runs")
    uid, at = uid or words.fresh(), words.now()
    tagged = dict(tags)
    if name and tagged.get(NAME, name) != name:
        raise Invalid(f"a run has one name: {name[:80]!r}, or {tagged[NAME][:80]!r} as the tag {NAME} says")
    name = name or tagged.get(NAME) or f"run-{uid[:8]}"
    lease = at + LEASE_MS if leased else None
    row = (uid, experiment, words.text(name, words.TAG, "the run's name"), user, RUNNING, ACTIVE)
    made = db.execute(
        "INSERT INTO run (uid, experiment, name, user, status, stage, started, lease) VALUES (?,?,?,?,?,?,?,?) "
        "RETURNING id",
        (*row, at if started is None else started, lease),
    ).fetchone()[0]
    put_pairs(db, "run_tag", made, (tagged | {NAME: name}).items(), "tag", words.TAG)
    return uid


def number_of(db: Any, uid: str, *, active: bool = False) -> int:
    """The run's row. Raises Invalid for what is no id, Unknown, and Invalid when it is deleted and must be active."""
    row = db.execute("SELECT id, stage FROM run WHERE uid = ?", (words.uid(uid, "run id"),)).fetchone()
    if row is None:
        raise Unknown(f"there is no run {uid[:80]!r}")
    if active and row[1] != ACTIVE:
        raise Invalid(f"run {uid} is deleted; restore it before you log to it")
    return int(row[0])


def change(
    db: Any,
    uid: str,
    *,
    status: str | None = None,
    ended: int | None = None,
    name: str | None = None,
    stage: str | None = None,
) -> None:
    """Raises Unknown, Invalid."""
    run = number_of(db, uid)
    if status is not None and status not in STATES:
        raise Invalid(f"{status[:40]!r} is no status of a run: {', '.join(STATES)}")
    if name is not None:
        put_pairs(db, "run_tag", run, [(NAME, name)], "tag", words.TAG)
    db.execute(
        "UPDATE run SET status = coalesce(?, status), ended = coalesce(?, ended), name = coalesce(?, name), "
        "stage = coalesce(?, stage), lease = CASE WHEN ? IS NULL THEN lease END WHERE id = ?",
        (status, ended, name, stage, status, run),
    )


def log(
    db: Any,
    uid: str,
    *,
    metrics: Sequence[Point] = (),
    params: Pairs = (),
    tags: Pairs = (),
    lease: bool = False,
) -> None:
    """All or nothing. Raises Unknown, Invalid: a parameter that was logged with another value is not changed."""
    run = number_of(db, uid, active=True)
    if metrics:
        points.add(db, run, metrics)
    put_params(db, "param", run, params)
    put_pairs(db, "run_tag", run, tags, "tag", words.TAG)
    if lease:
        # still held: a run that was thought lost (a laptop slept) is running after all
        db.execute(
            "UPDATE run SET lease = ?, status = ?, ended = NULL WHERE id = ? AND lease IS NOT NULL",
            (words.now() + LEASE_MS, RUNNING, run),
        )


def reap(db: Any) -> int:
    """Runs of ours that have not been heard of are failed: their process has died. How many."""
    lost = "UPDATE run SET status = ?, ended = lease - ? WHERE status = ? AND lease < ? RETURNING 1"
    return len(db.execute(lost, (FAILED, LEASE_MS, RUNNING, words.now())).fetchall())


def lost(db: Any) -> bool:
    """Whether there is anything to reap."""
    found = "SELECT 1 FROM run WHERE status = 'RUNNING' AND lease IS NOT NULL AND lease < ? LIMIT 1"
    return db.execute(found, (words.now(),)).fetchone() is not None


def pairs_of(db: Any, table: str, rows: Sequence[Sequence[Any]]) -> dict[int, dict[str, str]]:
    """The tags or parameters of each of these rows, by what stands first in it."""
    found: dict[int, dict[str, str]] = {row[0]: {} for row in rows}
    query = f"SELECT owner, key, value FROM {table} WHERE owner IN (SELECT value FROM json_each(?))"  # noqa: S608
    for owner, key, value in db.execute(query, (ids(rows),)):
        found[owner][key] = value
    return found


def untag(db: Any, uid: str, key: str) -> None:
    """Raises Unknown, Invalid."""
    drop_tag(db, "run_tag", number_of(db, uid, active=True), key)


def add_logged_model(db: Any, uid: str, model: dict[str, Any]) -> None:
    """One more model in the tag where clients before MLflow 3 look for them. Raises Unknown, Invalid."""
    run = number_of(db, uid, active=True)
    row = db.execute("SELECT value FROM run_tag WHERE owner = ? AND key = ?", (run, LOGGED)).fetchone()
    kept = decode(list[Any], row[0]) if row else []
    put_pairs(db, "run_tag", run, [(LOGGED, encode([*kept, model]))], "tag", words.MODELS)


def drop_tag(db: Any, table: str, owner: int, key: str) -> None:
    """Raises Unknown when it is not there."""
    if not db.execute(f"DELETE FROM {table} WHERE owner = ? AND key = ? RETURNING 1", (owner, key)).fetchall():  # noqa: S608
        raise Unknown(f"there is no tag called {key[:80]!r}")


def put_pairs(db: Any, table: str, owner: int, pairs: Pairs, what: str, most: int) -> None:
    """Raises Invalid."""
    for key, value in pairs:
        words.key(key, what)
        words.text(value, most, f"the {what} {key[:80]}")
        db.execute(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)", (owner, key, value))  # noqa: S608
        if table == "run_tag" and key == NAME:
            db.execute("UPDATE run SET name = ? WHERE id = ?", (value, owner))


def put_params(db: Any, table: str, owner: int, params: Pairs) -> None:
    """Raises Invalid: a parameter that was logged with another value is not changed."""
    for key, value in params:
        words.key(key, "parameter")
        words.text(value, words.PARAM, f"the parameter {key[:80]}")
        row = db.execute(f"SELECT value FROM {table} WHERE owner = ? AND key = ?", (owner, key)).fetchone()  # noqa: S608
        if row is None:
            db.execute(f"INSERT INTO {table} VALUES (?, ?, ?)", (owner, key, value))  # noqa: S608
        elif row[0] != value:
            raise Invalid(
                f"the parameter {key[:80]!r} is {row[0][:80]!r} and cannot become {value[:80]!r}: a parameter is "
                f"logged once; take another name, or a tag"
            )


def names(db: Any, uids: Iterable[str]) -> dict[str, str]:
    """What runs are called, of those of these that there are."""
    query = "SELECT uid, name FROM run WHERE uid IN (SELECT value FROM json_each(?))"
    return dict(db.execute(query, (encode(sorted(set(uids))),)).fetchall())


EXPERIMENT = "e.id, e.name, e.stage, e.made, e.changed"
COLUMNS = "r.id, r.uid, r.experiment, r.name, r.user, r.status, r.stage, r.started, r.ended"


def filled(db: Any, rows: Sequence[Sequence[Any]]) -> list[Tracked]:
    """Rows of `COLUMNS` with their parameters, tags and latest metrics."""
    params, tags = pairs_of(db, "param", rows), pairs_of(db, "run_tag", rows)
    metrics: dict[int, dict[str, tuple[float, int, int]]] = {row[0]: {} for row in rows}
    latest = "SELECT owner, key, value, step, at FROM series WHERE owner IN (SELECT value FROM json_each(?))"
    for owner, key, value, step, at in db.execute(latest, (ids(rows),)):
        metrics[owner][key] = (points.number(value), step, at)
    return [
        Tracked(
            id=row[0], uid=row[1], experiment=row[2], name=row[3], user=row[4], status=row[5], stage=row[6],
            started=row[7], ended=row[8], params=params[row[0]], tags=tags[row[0]], metrics=metrics[row[0]],
        )
        for row in rows
    ]  # fmt: skip


def get(db: Any, uid: str) -> Tracked:
    """Raises Unknown, Invalid."""
    run = number_of(db, uid)
    return filled(db, db.execute(f"SELECT {COLUMNS} FROM run r WHERE r.id = ?", (run,)).fetchall())[0]  # noqa: S608
