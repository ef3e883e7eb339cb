"""What an endpoint answered, row by row, as the log has it: what fits, the newest first, page by page."""

import shlex
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from arkwright.api.endpoints.logged import predictions
from arkwright.core import versions
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Endpoint
from arkwright.pages import asked
from arkwright.pages.render import page
from arkwright.web import context
from arkwright.web.routes import route

PLACE = "/endpoints"
SHOWN = 100
MOMENT = timedelta(microseconds=1)  # times of answers are that exact
DEEPEST = 100_000  # rows of one moment that are turned over to come to the next
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
    before = asked.texts(request, "before")["before"]
    where = [one for one in request.query_params.getlist("where") if one.strip()]
    short = bool(where or words["id"]) and "since" not in request.query_params
    words["since"] = SPAN if short else words["since"]
    rows: list[dict[str, Any]] = []
    on = None
    problem, status = None, 200
    try:
        since, until = (asked.moment(words[one], one) for one in ("since", "until"))
        until, seen = _turned(before, until)
        found = predictions(
            at.site, by, at.project, endpoint=endpoint.name, since=since, until=until,
            release=words["release"] or None, id=words["id"] or None, where=where, limit=seen + SHOWN + 1,
        )  # fmt: skip
        rows = found.slice(seen, SHOWN).to_pylist()
        on = _on(rows, before) if len(found) > seen + SHOWN else None
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
        older=request.url.include_query_params(since="").remove_query_params("before").query if short else "",
        where=where,
        first=not before,
        pages=asked.pages(request, on, f"{SHOWN} a page, the newest first", "before"),
        cell=cell,
        command=shlex.join(["arkwright", "predictions", endpoint.name, *given, "--out", "rows.parquet"]),
    )


def _turned(before: str, until: datetime | None) -> tuple[datetime | None, int]:
    """Until when rows are read for the page behind `before`, the time of the last row shown and how many rows of that
    very time were; and that number. Raises Invalid.
    """
    at, _, seen = before.partition(",")
    last = asked.moment(at, "before")
    if last is None:
        return until, 0
    if not 0 <= (count := asked.whole(seen, "before")) <= DEEPEST:
        raise Invalid(f"before: of one moment no more than {DEEPEST:,} rows are shown; take them all as a file")
    behind = min(last, datetime.max - MOMENT) + MOMENT  # noqa: DTZ901 - UTC without a zone
    return min(behind, until or behind), count


def _on(rows: list[dict[str, Any]], before: str) -> str:
    """What the next page is `before`: many rows of one request have the same time."""
    last = rows[-1]["at"].isoformat()
    seen = sum(row["at"].isoformat() == last for row in rows)
    at, _, earlier = before.partition(",")
    return f"{last},{seen + int(earlier) if at == last else seen}"


def cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
