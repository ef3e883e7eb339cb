"""What is on an MLflow server, page by page."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from arkwright.core.errors import Invalid
from arkwright.tracking import words
from arkwright.tracking.importing import said
from arkwright.tracking.importing.server import NotGiven, NotThere, Server, escaped

API, AJAX = "/api/2.0/mlflow", "/ajax-api/2.0/mlflow"
FILES, PROXIED = "/api/2.0/mlflow-artifacts/artifacts", "mlflow-artifacts:/"
PROMPTS = {"filter": "tags.`mlflow.prompt.is_prompt` = 'true'"}
PAGE = 100  # runs or models at once
HISTORY = 25_000  # points of one answer
MOST_POINTS = 50_000_000  # of one metric of a run
MOST_FILES = 100_000  # of one run or model


class Curve:
    """The points of a metric, 24 bytes each."""

    def __init__(self) -> None:
        self.steps, self.times, self.values = array("q"), array("q"), array("d")

    def take(self, points: Iterable[said.Metric]) -> None:
        """Raises NotGiven for more than can be held."""
        for point in points:
            self.add(point)
        if len(self) > MOST_POINTS:
            raise NotGiven(f"a metric has more than {MOST_POINTS:,} points")

    def add(self, point: said.Metric) -> None:
        self.steps.append(point.step)
        self.times.append(point.timestamp)
        self.values.append(point.value)

    def __len__(self) -> int:
        return len(self.steps)

    def pieces(self, key: str, most: int) -> Iterator[list[tuple[str, int, int, float]]]:
        """So many points at a time, as they are written."""
        for start in range(0, len(self), most):
            cut = slice(start, start + most)
            yield [
                (key, *point) for point in zip(self.steps[cut], self.times[cut], self.values[cut], strict=True)
            ]  # fmt: skip


class Page(Struct):
    """An answer with a list of whatever was asked for."""

    experiments: list[said.Experiment] = []
    runs: list[said.Run] = []
    models: list[said.Model] = []
    registered_models: list[said.Registered] = []
    model_versions: list[said.Version] = []
    metrics: list[said.Metric] = []
    files: list[said.File] = []
    traces: list[msgspec.Raw] = []
    next_page_token: str = ""


def experiments(server: Server) -> Iterator[said.Experiment]:
    """Those that are not deleted."""
    for page in _posted(server, f"{API}/experiments/search", {"max_results": 1000, "view_type": "ACTIVE_ONLY"}):
        yield from page.experiments


def runs(server: Server, experiment: str) -> Iterator[list[said.Run]]:
    """Pages of the runs that are not deleted, the oldest first: what begins meanwhile comes behind."""
    given = {
        "experiment_ids": [experiment], "max_results": PAGE, "run_view_type": "ACTIVE_ONLY",
        "order_by": ["attributes.start_time ASC"],
    }  # fmt: skip
    for page in _posted(server, f"{API}/runs/search", given):
        yield page.runs


def logged_models(server: Server, experiment: str) -> Iterator[list[said.Model]]:
    """Pages of the models that were logged; none where the server is older than them."""
    given = {"experiment_ids": [experiment], "max_results": 50}
    try:
        for page in _posted(server, f"{API}/logged-models/search", given):
            yield page.models
    except NotThere:
        return


def registered(server: Server, **asked: str) -> Iterator[said.Registered]:
    """Registered models; prompts, asked by `PROMPTS`."""
    for page in _got(server, f"{API}/registered-models/search", max_results=PAGE, **asked):
        yield from page.registered_models


def versions(server: Server, **asked: str) -> Iterator[said.Version]:
    """Of all registered models; of prompts, asked by `PROMPTS`."""
    for page in _got(server, f"{API}/model-versions/search", max_results=1000, **asked):
        yield from page.model_versions


def has_traces(server: Server, experiment: str) -> bool:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    page = server.post("/api/3.0/mlflow/traces/search", Page, {"locations": [place], "max_results": 1})
    return bool(page.traces)


def together(server: Server, key: str, uids: Sequence[str]) -> dict[str, Curve]:
    """The whole history of this metric in these runs (at most a hundred), for those where one answer holds it all."""
    try:
        page = server.get(
            f"{AJAX}/metrics/get-history-bulk", Page, run_id=list(uids), metric_key=key, max_results=HISTORY
        )
    except NotGiven:  # NaN among the values is no JSON, and others than MLflow have no such list
        return {}
    if len(page.metrics) >= HISTORY:
        return {}
    found: dict[str, Curve] = {uid: Curve() for uid in uids}
    for point in page.metrics:
        if point.run_id in found:
            found[point.run_id].add(point)
    return {uid: curve for uid, curve in found.items() if len(curve)}


def history(server: Server, uid: str, key: str) -> Curve:
    """All of it. Raises NotGiven."""
    curve, path, asked = Curve(), f"{API}/metrics/get-history", {"run_id": uid, "metric_key": key}
    try:
        for page in _got(server, path, **asked, max_results=HISTORY):
            curve.take(page.metrics)
    except NotGiven:
        if len(curve):
            raise
        curve.take(server.get(path, Page, **asked).metrics)  # a store of files turns no pages
    return curve


class Place:
    """Where the files of a run or of a logged model are; the server fetches them, wherever it keeps them."""

    def __init__(self, server: Server, uri: str, *, run: str = "", model: str = "") -> None:
        self._server, self._uri, self._run, self._model = server, uri, run, model

    def files(self) -> Iterator[said.File]:
        """Every file, its path beginning here. Raises NotGiven."""
        waiting, count = [""], 0
        while waiting:
            folder = waiting.pop()
            for file in self._listed(folder):
                count += 1
                if count > MOST_FILES:
                    raise NotGiven(f"more than {MOST_FILES:,} files")
                if file.is_dir and _within(file.path, folder):
                    waiting.append(file.path)
                elif not file.is_dir:
                    yield file

    def _listed(self, folder: str) -> Iterable[said.File]:
        if self._model:
            path = f"{API}/logged-models/{escaped(self._model)}/artifacts/directories"
            asked = {"artifact_directory_path": folder} if folder else {}
        else:
            path, asked = f"{API}/artifacts/list", {"run_id": self._run} | ({"path": folder} if folder else {})
        for page in _got(self._server, path, **asked):
            yield from page.files

    def address(self, path: str) -> str:
        """From where a file is fetched."""
        if self._uri.startswith(PROXIED) and not self._uri.startswith(f"{PROXIED}/"):
            return f"{FILES}/{escaped(self._uri.removeprefix(PROXIED).rstrip('/'))}/{escaped(path)}"
        if self._model:
            return f"{AJAX}/logged-models/{escaped(self._model)}/artifacts/files?artifact_file_path={escaped(path)}"
        return f"/get-artifact?run_id={escaped(self._run)}&path={escaped(path)}"


def _within(path: str, folder: str) -> bool:
    """Whether this is a folder of that one, which no server could lead on for ever."""
    try:
        words.path(path)
    except Invalid:
        return False
    return path.rpartition("/")[0] == folder


def _posted(server: Server, path: str, given: Mapping[str, Any]) -> Iterator[Page]:
    token = ""
    while True:
        page = server.post(path, Page, dict(given) | ({"page_token": token} if token else {}))
        yield page
        if not page.next_page_token or page.next_page_token == token:
            return
        token = page.next_page_token


def _got(server: Server, path: str, /, **asked: Any) -> Iterator[Page]:
    token = ""
    while True:
        page = server.get(path, Page, **asked, **({"page_token": token} if token else {}))
        yield page
        if not page.next_page_token or page.next_page_token == token:
            return
        token = page.next_page_token
