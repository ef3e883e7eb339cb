"""The routes that unmodified MLflow clients ask: set MLFLOW_TRACKING_URI to the control room's address."""

from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from arkwright.mlflow import artifacts, experiments, inputs, logged_models, logging, tracked
from arkwright.mlflow.wire import PREFIX, answer
from arkwright.web.routes import route

VERSION = "3.17.2"  # the MLflow whose API this is; clients ask before they use what is new
Row = tuple[str, str, Callable[..., Any], str]  # methods, path, handler, right
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
    ("POST", "/logged-models/search", logged_models.search, "look"),
)


def routes() -> Sequence[Route]:
    return [
        route("/version", version, "look"),
        route("/api/3.0/mlflow/server-info", server_info, "look"),
        route(artifacts.FILES, artifacts.listed, "look"),
        route(artifacts.FILES + "/{path:path}", artifacts.get, "look"),
        route(artifacts.FILES + "/{path:path}", artifacts.put, "work", ["PUT"]),
        route(artifacts.FILES + "/{path:path}", artifacts.delete, "work", ["DELETE"]),
        *(route(PREFIX + path, handler, right, methods.split()) for methods, path, handler, right in TABLE),
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
