"""How the endpoints are just now, from the counters of the server that answers for them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request

from arkwright.core.counted import many
from arkwright.core.errors import ArkwrightError
from arkwright.core.nouns import Endpoint
from arkwright.pages.words import percent
from arkwright.serve.telemetry.reading import Row, since_start
from arkwright.sites import Site
from arkwright.web import context, plane

BAD, MANY = 0.01, 0.1  # of the requests failed: more is trouble; refused: more is worth a look
FEW = 20  # requests, of which a share says nothing
LOADING = 60  # seconds after a move in which a server that does not answer yet is at work


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """An endpoint at a glance: a word, its tone, and the numbers of each release since the server began."""

    endpoint: Endpoint
    word: str
    tone: str
    says: str
    rows: tuple[Row, ...]


def look(request: Request, endpoints: tuple[Endpoint, ...]) -> tuple[Health, ...]:
    """Of each endpoint. Where the server does not answer, that is what is told."""
    try:
        answer = plane.ask(context.context(request).endpoints, "GET", "/metrics")
        rows: tuple[Row, ...] | None = since_start(answer.body)
    except ArkwrightError:
        rows = None
    return tuple(_of(context.context(request).site, endpoint, rows) for endpoint in endpoints)


def _of(site: Site, endpoint: Endpoint, found: tuple[Row, ...] | None) -> Health:
    rows = tuple(row for row in found or () if row.endpoint == endpoint.name)
    asked, wrong = sum(row.requests_per_s for row in rows), sum(row.errors_per_s for row in rows)
    failed = sum(row.failed_per_s for row in rows)
    share = f" ({percent(wrong / asked)})" if asked and wrong else ""
    slowest = max((row.p99_ms for row in rows if row.p99_ms is not None), default=None)
    says = f"{many(round(asked), 'request')}, {wrong:,.0f} refused{share}" + (
        f", p99 {slowest:.3g} ms" if slowest else ""
    )
    if endpoint.stopped:
        word, tone, says = "stopped", "bad", f"Stopped by {endpoint.stopped}: {endpoint.reason}"
    elif found is None:
        word, tone, says = "not seen", "open", "The server of the endpoints does not tell just now."
    elif not rows and _age(site, endpoint) < LOADING:
        word, tone, says = "loading", "open", "It was moved just now; its release is being loaded."
    elif not rows:
        word, tone, says = "not served", "bad", "The server does not answer for it; its log says why."
    elif not endpoint.shares.keys() <= {row.release for row in rows}:
        word, tone, says = _as_before(site, endpoint)
    elif asked and failed / asked > BAD:
        word, tone, says = "errors", "bad", f"{says}, {percent(failed / asked)} failed"
    elif asked >= FEW and wrong / asked > MANY:
        word, tone = "refuses many", "open"
    else:
        word, tone = ("canary", "live") if len(endpoint.shares) > 1 else ("answers", "good")
    return Health(endpoint=endpoint, word=word, tone=tone, says=says, rows=rows)


def _as_before(site: Site, endpoint: Endpoint) -> tuple[str, str, str]:
    """What it was moved to does not answer, and what answered until then still does."""
    if _age(site, endpoint) < LOADING:
        return "loading", "open", "It was moved just now; it answers as before until its release is loaded."
    return "as before", "bad", "The server cannot load what it was moved to, and answers as before; its log says why."


def _age(site: Site, endpoint: Endpoint) -> float:
    """Seconds since it was moved."""
    moved = site.ledger.last(Endpoint.KIND, f"{endpoint.name}@")
    return (datetime.now(UTC) - datetime.fromisoformat(moved.at)).total_seconds() if moved else 0.0
