"""How long the server takes for each page of the control room: the application itself, no socket, asked by somebody who
is logged in. The site is one that `benchmarks/catalog.py` fills, which asks.
"""

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette

from arkwright.control.app import application
from arkwright.core import versions
from arkwright.core.nouns import Account
from arkwright.govern import secrets
from arkwright.sites import Site
from arkwright.web.context import Context

ROUNDS, LIMIT_MS = 15, 50
# what stands for a name in the routes; the last one of each kind is asked for, and more where a page can be asked more
ASKED = (
    "/runs?sort=-seconds", "/runs?state=failed&author=person3", "/runs?text=unicorn", "/runs?source=line&sort=name",
    "/releases?standing=passed", "/releases?standing=waits&name=model7", "/releases?standing=answers",
    "/runs/compare?run=line0@7&run=line1@9&run=line2@11",
    "/ledger?kind=decision&who=person7", "/ledger?before=500000", "/ledger?text=unicorn",
    "/ledger?about=release:model1@2",
    "/ledger?since=2020-01-01T00:00", "/search?q=weather", "/search?q=word1234", "/search?q=operations&kind=release",
    "/live?endpoint=model1", f"/live?endpoint=model1&at={datetime.now(UTC):%Y-%m-%dT%H:%M}",
    "/discussion?q=weather", "/people/person3",
    "/runs?source=clients", "/runs?source=clients&name=wool&text=storm", "/search?q=bale&kind=registered",
    "/search?q=storm+night&kind=tracked", "/runs/tracked/bench?in=7", "/runs/tracked/bench/said?param=long",
    "/registered?text=wool1", "/registered/wool0@7", "/registered/wool0?before=500",
)  # fmt: skip
# `churn` and `customers` are of a project that was walked, with files behind them; `bench` and `wool0` were logged by
# clients; the others stand in the ledger alone
NAMES = {
    "/runs/{name}": ("churn@1", "line0@7"), "/releases/{name}": ("churn@1", "model1@2"),
    "/models/{name}": ("churn@1", "model1@2"), "/data/{name}/profile": ("customers@1",),
    "/data/{name}/quarantine": ("customers@1",), "/data/{name}": ("customers@1", "data1@2"),
    "/endpoints/{name}": ("churn",), "/people/{name}": ("person3",), "/discussion/{thread}": ("5",),
    "/comments/{comment}": ("5",), "/runs/tracked/{uid}": ("bench",), "/runs/logged/{uid}": ("m-bench",),
    "/runs/experiments/{id}": ("1",), "/registered/{name}": ("wool0",),
}  # fmt: skip
ONLY_OF_FILES = {"/runs/{name}/code": "churn@1", "/runs/{name}/log": "churn@1", "/releases/{name}/compare": "churn@1"}
# what is no page, what needs a number that this site has none of, and a provider that is not there
NOT_ASKED = ("/static", "/api", "/health", "/join", "/logout", "/ledger/export", "/login/oidc", "/account/link",
             "/requirements/check", "/v2", "/runs/tracked/{uid}/said", "/runs/logged/{uid}/said",
             "/registered/{name}/said")  # fmt: skip


def session(site: Site) -> str:
    """The cookie of an owner who is logged in."""
    if versions.latest(site.ledger, Account, "asker") is None:
        versions.move(site.ledger, "asker", Account(name="asker", version=1, role="owner"))
    return secrets.issue(site.vault, secrets.SESSION, "asker", 3600.0)


def paths(app: Starlette) -> Iterator[str]:
    """Every page that a browser can ask for by GET and that has a name in a site of `catalog.py`."""
    for route in app.routes:
        path = getattr(route, "path", "")
        if path.startswith(NOT_ASKED) or "GET" not in (getattr(route, "methods", None) or ()):
            continue
        if path == "/runs/compare":  # which has to be told which ones
            continue
        pattern = next((one for one in NAMES if path.startswith(one)), "")
        names = (ONLY_OF_FILES[path],) if path in ONLY_OF_FILES else NAMES.get(pattern, ("",))
        for name in names:
            filled = re.sub(r"{[^}]*}", quote(name, safe="@"), path, count=1) if name else path
            if "{" not in filled:
                yield filled or "/"
    yield from ASKED


async def get(app: Starlette, path: str, cookie: str) -> int:
    """The status of the answer, once all of it came."""
    parts = urlsplit(path)
    headers = [(b"host", b"127.0.0.1"), (b"cookie", f"arkwright={cookie}".encode()), (b"accept", b"text/html")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    status, done = 0, asyncio.Event()

    async def receive() -> dict[str, object]:
        if done.is_set():
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        elif not message.get("more_body"):
            done.set()

    await app(scope, receive, send)
    return status


async def measure(site: Site, project: Path) -> list[tuple[str, int, float, float]]:
    """(path, status, milliseconds of processor, and by the clock) of each page, medians, the slowest first."""
    app = application(Context(site, project, "http://127.0.0.1", frozenset({"127.0.0.1"})))
    cookie, found = session(site), []
    for path in dict.fromkeys(paths(app)):
        times, status = [], await get(app, path, cookie)
        for _ in range(ROUNDS):
            began, worked = time.perf_counter(), time.process_time()
            status = await get(app, path, cookie)
            times.append(((time.process_time() - worked) * 1e3, (time.perf_counter() - began) * 1e3))
        processor, clock = zip(*times, strict=True)
        found.append((path, status, median(processor), median(clock)))
    return sorted(found, key=lambda one: -one[2])


def report(site: Site, project: Path) -> None:
    """As a table of Markdown. Raises RuntimeError where a page is not there: a refusal is quick, and no measurement."""
    found = asyncio.run(measure(site, project))
    if lost := [(path, status) for path, status, *_ in found if status not in (200, 303)]:
        raise RuntimeError(f"not there: {lost}")
    quick = sum(one[2] <= LIMIT_MS for one in found)
    print(f"\n{len(found)} addresses, {quick} of them under {LIMIT_MS} ms of processor; medians of {ROUNDS}.\n")
    print("| page | ms of processor | ms by the clock |\n|---|---|---|")
    for path, _, worked, passed in found:
        print(f"| `{path}` | {worked:.1f} | {passed:.1f} |")
