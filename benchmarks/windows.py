"""The control room's main pages in Chromium, each in a window of its own that has nothing in its cache: from where it
begins to go there until somebody can act on it. `benchmarks/catalog.py` fills the site, and asks.

`arkwright up` runs as people start it, on the same machine. A page is interactive when its scripts have run (they are
deferred, so DOMContentLoaded waits for them), it is loaded, and the browser has nothing to do any more: then the first
key or click is answered at once. `whole`: until what a page fetches aside has come too.
"""

import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))
from playwright.sync_api import Browser
from tests.pages.browser import begun, chromium

import pages
from arkwright.sites import Site
from arkwright.web import cookies

ROUNDS, LIMIT_MS = 7, 1000
SHOWN = (
    "/", "/inbox", "/data", "/data/data1@2", "/data/customers@1", "/runs", "/runs/line0@7", "/runs/churn@1",
    "/runs/compare?run=line0@7&run=line1@9&run=line2@11", "/releases", "/releases/model1@2", "/releases/churn@1",
    "/models/churn@1", "/endpoints", "/endpoints/churn", "/endpoints/churn/traffic", "/requirements", "/discussion",
    "/discussion/5", "/people", "/people/person3", "/ledger", "/live?endpoint=model1", "/search?q=weather", "/account",
    "/audit", "/login", "/runs/tracked/bench", "/registered/wool0",
)  # fmt: skip
IDLE = "addEventListener('load', () => requestIdleCallback(() => { window.idle = performance.now() }))"
WAITS = "() => new Promise(done => { const look = () => window.idle ? done() : setTimeout(look, 5); look() })"
SAID = """() => {
    const [page] = performance.getEntriesByType('navigation')
    const parts = performance.getEntriesByType('resource')
    const sent = [page, ...parts].reduce((sum, one) => sum + one.transferSize, 0)
    const whole = Math.max(window.idle, ...parts.map(one => one.responseEnd))
    return [page.responseStart, page.domContentLoadedEventEnd, page.loadEventEnd, window.idle, whole, sent / 1024]
}"""


def look(browser: Browser, address: str, path: str, cookie: str) -> list[float]:
    """(first byte, scripts have run, loaded, interactive, whole), in ms since it began to go there; KiB that came."""
    with browser.new_context() as context:  # which has a cache of its own, and nothing in it
        if path != "/login":
            context.add_cookies([{"name": cookies.name(address, cookies.SESSION), "value": cookie, "url": address}])
        context.add_init_script(IDLE)
        page = context.new_page()
        answer = page.goto(address + path)
        if answer is None or answer.status != 200:
            raise RuntimeError(f"{path}: {answer and answer.status}")
        page.evaluate(WAITS)
        page.locator(".htmx-request").first.wait_for(state="detached")
        found: list[float] = page.evaluate(SAID)
        return found


def report(site: Site, project: Path) -> None:
    """As a table of Markdown, the slowest first."""
    cookie = pages.session(site)
    found: dict[str, list[list[float]]] = {path: [] for path in SHOWN}
    with begun(project) as (address, _), chromium() as browser:
        look(browser, address, "/", cookie)  # the server's own first time
        for _ in range(ROUNDS):
            for path in SHOWN:
                found[path].append(look(browser, address, path, cookie))
        version = browser.version
    rows = [(path, [median(column) for column in zip(*looks, strict=True)], max(one[3] for one in looks))
            for path, looks in found.items()]  # fmt: skip
    rows.sort(key=lambda row: -row[1][3])
    quick = sum(worst < LIMIT_MS for _, _, worst in rows)
    print(f"\nIn Chromium {version}, a cold cache each time, medians of {ROUNDS} rounds; {quick} of {len(rows)} pages")
    print("were interactive in less than a second every time.\n")
    print("| page | first byte, ms | scripts have run | loaded | interactive | the worst | whole | KiB |")
    print("|---|---|---|---|---|---|---|---|")
    for path, middle, worst in rows:
        first, ran, loaded, idle, whole, kib = (f"{one:.0f}" for one in middle)
        print(f"| `{path}` | {first} | {ran} | {loaded} | **{idle}** | {worst:.0f} | {whole} | {kib} |")
