"""Where a registered version comes from: the files of a run or of a logged model that are kept here, nothing else."""

from dataclasses import dataclass
from typing import Any

from arkwright.core.errors import Invalid, Unknown
from arkwright.tracking import models, registry, runs, words

LONGEST = 1500  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`place`: where the files are; the run and the logged model that they belong to (empty: none).

    `over`: where more files are, which come before those at `place`.
    """

    place: str
    over: str = ""
    run: str = ""
    model: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """Of `place` and `over`, as far as there are such, in the keeping of files."""
        return tuple(place.removeprefix(words.SCHEME) for place in (self.place, self.over) if place)


def origin(db: Any, source: str, *, run: str = "", model: str = "") -> Origin:
    """What `source` says; a run or a model that is named beside it has to be the same. Raises Invalid."""
    kind, _, rest = source.partition(":/")
    read = _KINDS.get(kind)
    if read is None or len(source) > LONGEST:
        raise Invalid(
            f"Invalid model version source: {source[:80]!r}. Only files that are kept here can be registered: "
            f"runs:/…, models:/… or mlflow-artifacts:/…"
        )
    try:
        found = read(db, rest)
    except (Invalid, Unknown) as error:
        raise Invalid(f"Invalid model version source: {source[:80]!r}. {error}") from None
    for what, said, known in (("run_id", run, found.run), ("model_id", model, found.model)):
        if said and said != known:
            raise Invalid(f"Invalid model version source: {source[:80]!r}. It is not of the {what} {said[:80]!r}")
    return found


def _of_run(db: Any, rest: str) -> Origin:
    """`<run>/<path>`; a model that the run logged under this name is there too, as MLflow's clients read it."""
    uid, _, path = rest.partition("/")
    run = runs.get(db, uid)
    name, slash, within = words.path(path).partition("/")
    found = "SELECT uid FROM model WHERE run = ? AND name = ? AND stage = ? ORDER BY made DESC, id DESC LIMIT 1"
    row = db.execute(found, (uid, name, runs.ACTIVE)).fetchone()
    over = f"{models.get(db, row[0]).place}{slash}{within}" if row else ""
    return Origin(place=f"{run.place}/{path}", over=over, run=uid)


def _of_files(db: Any, rest: str) -> Origin:
    """`<experiment>/<run>/artifacts/…` or `<experiment>/models/<model>/artifacts/…`"""
    place = words.SCHEME + words.path(rest)
    parts = rest.split("/")
    if parts[1:2] == ["models"]:
        model = models.get(db, "".join(parts[2:3]))
        root, found = model.place, Origin(place=place, run=model.run, model=model.uid)
    else:
        run = runs.get(db, "".join(parts[1:2]))
        root, found = run.place, Origin(place=place, run=run.uid)
    if not f"{place}/".startswith(f"{root}/"):
        raise Invalid(f"its files are in {root}")
    return found


def _of_model(db: Any, rest: str) -> Origin:
    """`<logged model>`, or `<registered name>/<version>`"""
    name, slash, number = rest.partition("/")
    if not slash:
        model = models.get(db, name)
        return Origin(place=model.place, run=model.run, model=model.uid)
    row = None
    if number.isascii() and number.isdecimal() and len(number) < 19:
        given = (registry.number_of(db, name), int(number))
        row = db.execute("SELECT place, run, model FROM version WHERE registered = ? AND number = ?", given).fetchone()
    if row is None:
        raise Unknown(f"there is no version {number[:40]!r} of the registered model {name[:80]!r}")
    if not row[0]:
        raise Invalid("a prompt has no files")
    return Origin(place=row[0], run=row[1], model=row[2])


_KINDS = {"runs": _of_run, "mlflow-artifacts": _of_files, "models": _of_model}
