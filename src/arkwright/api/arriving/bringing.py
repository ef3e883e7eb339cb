"""How things of an MLflow server come over: files first, then the run with all that was logged to it, in one write."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from arkwright.api.arriving.brought import Told, line
from arkwright.core.durable import writing
from arkwright.core.errors import Invalid, Refused, Unknown
from arkwright.tracking import words
from arkwright.tracking.importing import reading, said, taking
from arkwright.tracking.importing.reading import Curve, Place
from arkwright.tracking.importing.server import NotGiven, Server
from arkwright.tracking.importing.taking import Came, Logged, Standing
from arkwright.tracking.runs import STATES
from arkwright.tracking.tracking import Tracking

SMALL = 1 << 20  # bytes that are held in memory; more go to the disk as they come
T = TypeVar("T")
_WHY: dict[Standing, str] = {
    "deleted": "it was deleted here",
    "strange": "something of this id is here that came from elsewhere",
}


@dataclass(slots=True)
class Bringing:
    """One import. `folder` is for what is on its way; `most`: bytes of one file; `say` hears of progress."""

    tracking: Tracking
    server: Server
    pool: Executor
    came: Came
    folder: Path
    most: int
    say: Callable[[str], None]
    told: Told = field(default_factory=Told)

    def experiment(self, given: said.Experiment) -> None:
        """An experiment with its runs and logged models."""
        tags, left = taking.fitting(given.tags, "tag")
        before = self.tracking.look(taking.known, self.came.origin, "experiment", given.experiment_id)
        try:
            here = self.tracking.database.write(taking.experiment, self.came, given, tags)
        except (Invalid, Refused) as error:
            return self.told.leave(f"the experiment {given.name}", error)
        if here is None:
            return self.told.leave(f"the experiment {given.name}", _WHY["deleted"])
        self.told.experiments += before is None
        for why in left:
            self.told.leave(f"of the experiment {given.name}", why)
        try:
            for runs in reading.runs(self.server, given.experiment_id):
                self._runs(here, runs)
                self._say(given.name, runs)
            for models in reading.logged_models(self.server, given.experiment_id):
                self._models(here, models)
                self._say(given.name, models)
        except NotGiven as error:
            return self.told.leave(f"the experiment {given.name}", error)
        return self._traces(given)

    def _say(self, what: str, page: Sequence[object]) -> None:
        told = self.told
        seen = told.runs + told.models + told.changed + told.same
        new = f"{told.points:,} new points, {told.files:,} new files"
        if page:
            self.say(f"{line(what)}: {seen:,} runs and models until now, {new}")

    def _traces(self, given: said.Experiment) -> None:
        try:
            if reading.has_traces(self.server, given.experiment_id):
                self.told.leave(f"the traces of {given.name}", "traces are not kept here")
        except NotGiven:
            pass  # a server from before there were traces

    def _runs(self, here: int, runs: Sequence[said.Run]) -> None:
        """A page of runs, side by side."""
        marks = {run.info.run_id: said.mark(run) for run in runs}
        standing = self.tracking.look(taking.standing, self.came.origin, "run", marks)
        curves = self._together([run for run in runs if standing[run.info.run_id][0] in ("new", "changed")])
        self._all(lambda run: self._run(here, run, standing[run.info.run_id], curves), runs)

    def _all(self, work: Callable[[T], Told], given: Iterable[T]) -> None:
        for told in self.pool.map(work, given):
            self.told.add(told)

    def _together(self, runs: Sequence[said.Run]) -> dict[str, dict[str, Curve]]:
        """Histories that one answer holds for many runs: by the metric, then the run."""
        wanted: dict[str, list[str]] = {}
        for run in runs:
            for metric in run.data.metrics:
                wanted.setdefault(metric.key, []).append(run.info.run_id)
        many = self.pool.map(lambda one: reading.together(self.server, *one), wanted.items())
        return dict(zip(wanted, many, strict=True))

    def _run(
        self, here: int, run: said.Run, found: tuple[Standing, int | None], curves: Mapping[str, Mapping[str, Curve]]
    ) -> Told:
        uid, (standing, within) = run.info.run_id, found
        name = f"the run {uid[:80]}"

        def files(told: Told) -> None:
            words.uid(uid, "run id")
            if run.info.state not in STATES:
                raise Invalid(f"{run.info.state[:40]!r} is no status of a run")
            root = f"{here if within is None else within}/{uid}/artifacts"
            self._files(Place(self.server, run.info.artifact_uri, run=uid), root, name, told)

        def write(told: Told) -> None:
            kept = _kept(run.data.params, run.data.tags, run.inputs.dataset_inputs, name, told)
            whole = self._curves(run, curves, name, told)
            told.points += self.tracking.database.write(taking.run, self.came, here, run, kept, whole)
            told.runs += standing == "new"

        return _brought(name, standing, files, write)

    def _curves(
        self, run: said.Run, curves: Mapping[str, Mapping[str, Curve]], name: str, told: Told
    ) -> dict[str, Curve]:
        """Every metric's whole history. Raises NotGiven: a run without its points is none."""
        found = {}
        for metric in run.data.metrics:
            try:
                words.key(metric.key, "metric")
            except Invalid as error:
                told.leave(f"of {name}", error)
                continue
            curve = curves[metric.key].get(run.info.run_id)
            found[metric.key] = curve or reading.history(self.server, run.info.run_id, metric.key)
        return found

    def _models(self, here: int, models: Sequence[said.Model]) -> None:
        marks = {model.info.model_id: said.mark(model) for model in models}
        standing = self.tracking.look(taking.standing, self.came.origin, "model", marks)
        self._all(lambda model: self._model(here, model, standing[model.info.model_id]), models)

    def _model(self, here: int, model: said.Model, found: tuple[Standing, int | None]) -> Told:
        uid, (standing, within) = model.info.model_id, found
        name = f"the logged model {uid[:80]}"

        def files(told: Told) -> None:
            words.uid(uid, "model id")
            root = f"{here if within is None else within}/models/{uid}/artifacts"
            self._files(Place(self.server, model.info.artifact_uri, model=uid), root, name, told)

        def write(told: Told) -> None:
            kept = _kept(model.data.params, model.info.tags, (), name, told)
            self.tracking.database.write(taking.model, self.came, here, model, kept)
            told.models += standing == "new"

        return _brought(name, standing, files, write)

    def _files(self, place: Place, root: str, name: str, told: Told) -> None:
        """Every file that is not here in this size."""
        here = self.tracking.artifacts.sizes(root)
        try:
            for file in place.files():
                path = f"{root}/{file.path}"
                if here.get(path) == file.file_size:
                    continue
                try:
                    words.path(path)
                    told.size += self._file(place.address(file.path), path, file)
                    told.files += 1
                except (NotGiven, Invalid) as error:
                    told.leave(f"{file.path[:200]} of {name}", error)
                    told.missing.add(path)
        except NotGiven as error:
            told.leave(f"files of {name}", error)
            told.missing.add(root)

    def _file(self, address: str, path: str, file: said.File) -> int:
        """One file comes over; its size."""
        if not 0 <= file.file_size <= self.most:
            raise Invalid(f"it has {file.file_size:,} bytes; at most {self.most:,} are taken (--largest)")
        taken, size, aside = bytearray(), 0, self.folder / uuid4().hex
        try:
            with self.server.file(address) as blocks:
                for block in blocks:
                    taken += block
                    size += len(block)
                    if size > self.most:
                        raise Invalid(f"more than {self.most:,} bytes came (--largest)")
                    if len(taken) > SMALL:
                        _append(aside, taken)
            if aside.exists():
                _append(aside, taken)
            self.tracking.artifacts.put(path, aside if aside.exists() else bytes(taken), self.came.who)
        finally:
            aside.unlink(missing_ok=True)
        return size


def _brought(name: str, standing: Standing, files: Callable[[Told], None], write: Callable[[Told], None]) -> Told:
    """What came of a run or a logged model: its files, then all of it in one write; or why it was left."""
    told = Told()
    if standing in _WHY:
        told.leave(name, _WHY[standing])
        return told
    try:
        files(told)
        if standing == "same":
            told.same += 1
            return told
        write(told)
    except (NotGiven, Invalid, Unknown) as error:
        told.leave(name, error)
        return told
    told.changed += standing == "changed"
    return told


def _append(file: Path, taken: bytearray) -> None:
    with writing("a file on its way"), file.open("ab") as out:
        out.write(taken)
    taken.clear()


def _kept(
    params: Sequence[said.Pair], tags: Sequence[said.Pair], datasets: Sequence[said.DatasetInput], name: str, told: Told
) -> Logged:
    """What fits; the rest is named."""
    kept_params, left_params = taking.fitting(params, "parameter")
    kept_tags, left_tags = taking.fitting(tags, "tag")
    kept_datasets, left_datasets = taking.fitting_datasets(datasets)
    for why in (*left_params, *left_tags, *left_datasets):
        told.leave(f"of {name}", why)
    return Logged(params=kept_params, tags=kept_tags, datasets=kept_datasets)
