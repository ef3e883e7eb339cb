"""The routes that unmodified MLflow clients ask: set MLFLOW_TRACKING_URI to the control room's address."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from arkwright.api.runs.files import FILES
from arkwright.mlflow import artifacts, experiments, inputs, logged_models, logging, registry, tracked, versions
from arkwright.mlflow.wire import PREFIX, Handler, answer, hearing
from arkwright.web.routes import route

VERSION = "3.17.2"  # the MLflow whose API this is; clients ask before they use what is new
Row = tuple[str, str, Handler, str]  # methods, path, handler, right
TABLE: tuple[Row, ...] = (
    ("POST", "/experiments/create", experiments.create, "work"),
    ("GET", "/experiments/get", experiments.get, "look"),
    ("GET", "/experiments/get-by-name", experiments.get_by_name, "look"),
    ("GET POST", "/experiments/search", experiments.search, "look"),
    ("POST", "/experiments/delete", experiments.delete, "work"),
    ("POST", "/experiments/restore", experiments.restore, "work"),
    ("POST", "/experiments/update", experiments.update, "work"),
    ("POST", "/experiments/set-experiment-tag", experiments.set_tag, "work"),
    ("POST", "/experiments/delete-experiment-tag", experiments.delete_tag, "work"),
    ("POST", "/runs/create", tracked.create, "work"),
    ("GET", "/runs/get", tracked.get, "look"),
    ("POST", "/runs/update", tracked.update, "work"),
    ("POST", "/runs/delete", tracked.delete, "work"),
    ("POST", "/runs/restore", tracked.restore, "work"),
    ("POST", "/runs/search", tracked.search, "look"),
    ("POST", "/runs/set-tag", tracked.set_tag, "work"),
    ("POST", "/runs/delete-tag", tracked.delete_tag, "work"),
    ("POST", "/runs/log-metric", logging.metric, "work"),
    ("POST", "/runs/log-parameter", logging.parameter, "work"),
    ("POST", "/runs/log-batch", logging.batch, "work"),
    ("GET", "/metrics/get-history", logging.history, "look"),
    ("GET", "/metrics/get-history-bulk", logging.bulk, "look"),
    ("GET", "/metrics/get-history-bulk-interval", logging.bulk, "look"),
    ("POST", "/runs/log-inputs", inputs.log_inputs, "work"),
    ("POST", "/runs/outputs", inputs.log_outputs, "work"),
    ("POST", "/runs/log-model", inputs.log_model, "work"),
    ("GET", "/artifacts/list", artifacts.of_run, "look"),
    ("POST", "/logged-models", logged_models.create, "work"),
    ("POST", "/logged-models/search", logged_models.search, "look"),
    ("GET", "/logged-models/{model}", logged_models.get, "look"),
    ("PATCH", "/logged-models/{model}", logged_models.finish, "work"),
    ("DELETE", "/logged-models/{model}", logged_models.delete, "work"),
    ("POST", "/logged-models/{model}/params", logged_models.params, "work"),
    ("PATCH", "/logged-models/{model}/tags", logged_models.tags, "work"),
    ("DELETE", "/logged-models/{model}/tags/{key:path}", logged_models.delete_tag, "work"),
    ("GET", "/logged-models/{model}/artifacts/directories", logged_models.files, "look"),
    ("POST", "/registered-models/create", registry.create, "work"),
    ("GET", "/registered-models/get", registry.get, "look"),
    ("PATCH", "/registered-models/update", registry.update, "work"),
    ("POST", "/registered-models/rename", registry.rename, "work"),
    ("DELETE", "/registered-models/delete", registry.delete, "work"),
    ("GET", "/registered-models/search", registry.search, "look"),
    ("GET POST", "/registered-models/get-latest-versions", registry.latest, "look"),
    ("POST", "/registered-models/set-tag", registry.set_tag, "work"),
    ("DELETE", "/registered-models/delete-tag", registry.delete_tag, "work"),
    ("POST", "/registered-models/alias", registry.set_alias, "work"),
    ("DELETE", "/registered-models/alias", registry.delete_alias, "work"),
    ("GET", "/registered-models/alias", registry.by_alias, "look"),
    ("POST", "/model-versions/create", versions.create, "work"),
    ("GET", "/model-versions/get", versions.get, "look"),
    ("PATCH", "/model-versions/update", versions.update, "work"),
    ("DELETE", "/model-versions/delete", versions.delete, "work"),
    ("GET", "/model-versions/search", versions.search, "look"),
    ("POST", "/model-versions/set-tag", versions.set_tag, "work"),
    ("DELETE", "/model-versions/delete-tag", versions.delete_tag, "work"),
    ("GET", "/model-versions/get-download-uri", versions.files, "look"),
    ("POST", "/model-versions/transition-stage", versions.move, "work"),
)


def routes() -> Sequence[Route]:
    return [
        route("/version", version, "look"),
        route("/api/3.0/mlflow/server-info", server_info, "look"),
        route(FILES, hearing(artifacts.listed), "look"),
        route(FILES + "/{path:path}", artifacts.get, "look"),
        route(FILES + "/{path:path}", artifacts.put, "work", ["PUT"]),
        route(FILES + "/{path:path}", artifacts.delete, "work", ["DELETE"]),
        *(route(PREFIX + path, hearing(handler), right, methods.split()) for methods, path, handler, right in TABLE),
    ]


def version(_: Request) -> Response:
    return PlainTextResponse(VERSION)


def server_info(_: Request) -> Response:
    """What this server can: no workspaces, no uploads in parts."""
    return answer(
        {
            "store_type": None,
            "workspaces_enabled": False,
            "trace_archival_enabled": False,
            "multipart_uploads_enabled": False,
            "multipart_downloads_enabled": False,
            "presigned_upload_run_id_supported": False,
            "presigned_upload_model_id_supported": False,
        }
    )
