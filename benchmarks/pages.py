"""How long the server takes for each page of the control room, on whatever site: the application itself, no socket.

python benchmarks/pages.py SITE          # of a site that is there; benchmarks/catalog.py makes a big one and asks
"""

import asyncio
import re
import sys
import time
from collections.abc import Iterator
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
    "/runs/compare?run=line0@7&run=line1@9&run=line2@11",
    "/ledger?kind=decision&who=person7", "/ledger?before=500000", "/ledger?text=unicorn",
    "/ledger?about=release:model1@3",
    "/ledger?since=2020-01-01T00:00", "/search?q=weather", "/search?q=word1234", "/search?q=operations&kind=release",
    "/live?endpoint=model1", "/live?endpoint=model1&at=2026-01-01T00:00", "/discussion?q=weather", "/people/person3",
)  # fmt: skip
NAMES = {
    "/runs/{name}": "line0@7", "/releases/{name}": "model1@3", "/models/{name}": "model1@3", "/data/{name}": "data1@3",
    "/endpoints/{name}": "model1", "/people/{name}": "person3",
}  # fmt: skip
NOT_ASKED = ("/static", "/api", "/health", "/join", "/logout", "/ledger/export")


def token(site: Site) -> str:
    """Of an owner, as `arkwright token` makes one."""
    if versions.latest(site.ledger, Account, "asker") is None:
        versions.move(site.ledger, "asker", Account(name="asker", version=1, role="owner"))
    return secrets.issue(site.vault, secrets.TOKEN, "asker", 3600.0, role="owner", signs=())


def paths(app: Starlette) -> Iterator[str]:
    """Every page that a browser can ask for by GET and that has a name in a site of `catalog.py`."""
    for route in app.routes:
        path = getattr(route, "path", "")
        if path.startswith(NOT_ASKED) or "GET" not in (getattr(route, "methods", None) or ()):
            continue
        for pattern, name in NAMES.items():
            if path.startswith(pattern):
                path = path.replace(re.search(r"{[^}]*}", pattern)[0], quote(name, safe="@"), 1)
        if "{" not in path:
            yield path or "/"
    yield from ASKED


async def get(app: Starlette, path: str, secret: str) -> int:
    """The status of the answer, once all of it came."""
    parts = urlsplit(path)
    headers = [(b"host", b"127.0.0.1"), (b"authorization", f"Bearer {secret}".encode()), (b"accept", b"text/html")]
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
    secret, found = token(site), []
    for path in dict.fromkeys(paths(app)):
        times, status = [], await get(app, path, secret)
        for _ in range(ROUNDS):
            began, worked = time.perf_counter(), time.process_time()
            status = await get(app, path, secret)
            times.append(((time.process_time() - worked) * 1e3, (time.perf_counter() - began) * 1e3))
        processor, clock = zip(*times, strict=True)
        found.append((path, status, median(processor), median(clock)))
    return sorted(found, key=lambda one: -one[2])


def report(site: Site, project: Path) -> None:
    found = asyncio.run(measure(site, project))
    for path, status, worked, passed in found:
        mark = "  SLOW" if worked > LIMIT_MS else ""
        print(f"{path:64} {status} {worked:8.1f} ms of processor {passed:8.1f} ms by the clock{mark}")
    print(f"{len(found)} pages, {sum(one[2] <= LIMIT_MS for one in found)} of them under {LIMIT_MS} ms")


if __name__ == "__main__":
    report(Site(Path(sys.argv[1])), Path(sys.argv[1]))
