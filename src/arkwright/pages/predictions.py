"""What an endpoint answered, row by row, as the log has it: the newest that fit what is asked."""

import shlex
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.endpoints.logged import predictions
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.pages import asked
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/endpoints"
SHOWN = 100
SPAN = "7d"  # in which rows with a value are looked for, where nothing else is said
LEADS = ("at", "id", "row", "release", "latency_ms", "status")  # the columns that stand first
_LEFT_OUT = ("endpoint", "digest", "kind", "inputs", "outputs", "shadow", "actual")
_LONGEST = 60  # characters of a cell


def routes() -> list[Route]:
    return [route(PLACE + "/{name}/predictions", listed, "look")]


def listed(request: Request) -> Response:
    """As `arkwright predictions` lists them."""
    at, by = context.context(request), context.actor(request)
    endpoint = versions.resolve(at.site.ledger, Endpoint, f"endpoint:{request.path_params['name']}")
    words = asked.texts(request, "since", "until", "release", "id")
    where = [one for one in request.query_params.getlist("where") if one.strip()]
    short = bool(where or words["id"]) and "since" not in request.query_params
    words["since"] = SPAN if short else words["since"]
    rows: list[dict[str, Any]] = []
    problem, status = None, 200
    try:
        since, until = (asked.moment(words[one], one) for one in ("since", "until"))
        found = predictions(
            at.site, by, at.project, endpoint=endpoint.name, since=since, until=until,
            release=words["release"] or None, id=words["id"] or None, where=where, limit=SHOWN,
        )  # fmt: skip
        rows = found.to_pylist()
    except ArkwrightError as error:
        problem, status = str(error), error.status
    given = [w for name, text in words.items() if text for w in (f"--{name}", text)]
    given += [w for one in where for w in ("--where", one)]
    heads = [name for name in (rows[0] if rows else {}) if name not in (*LEADS, *_LEFT_OUT)]
    return page(
        request,
        "predictions.html",
        status=status,
        problem=problem,
        section=PLACE,
        endpoint=endpoint,
        heads=[name for name in heads if any(row[name] is not None for row in rows)],
        rows=rows,
        asked=words,
        older=request.url.include_query_params(since="").query if short else "",
        where=where,
        shown=SHOWN,
        cell=cell,
        command=shlex.join(["arkwright", "predictions", endpoint.name, *given, "--out", "rows.parquet"]),
    )


def cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
