"""The pictures of docs/watch-tutorial.md: its commands as a reader gives them, and a browser that looks on.

python scripts/watch_screenshots.py [FOLDER]      # else docs/images
"""

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.docs import console  # noqa: E402 - the root has to be on the path first
from tests.pages.browser import begun, chromium  # noqa: E402
from tests.pages.story import Story  # noqa: E402

PATIENCE = 900.0  # seconds for a command
WATCH = "/endpoints/late/watch?span={}&until={}"


def main() -> None:
    """Write them as PNG."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    out.mkdir(parents=True, exist_ok=True)
    page = (ROOT / "docs" / "watch-tutorial.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shell = console.Shell(ROOT, console.environment(home))
        try:
            for step in console.steps(page):
                print(f"$ {step.command}", flush=True)
                said = shell.run(step, PATIENCE)
                if not console.matches(step.expected, said):
                    raise SystemExit("\n".join(said))
                if step.command.startswith("arkwright alarms"):
                    halted(shutil.copytree(home / "late", home / "then"), out)  # who has an owner is replayed no more
        finally:
            shell.close()
        half_a_year(home / "late", out)


def halted(late: Path, out: Path) -> None:
    """The canary of which no label is known."""
    with begun(late) as (address, link), chromium() as browser:
        story = Story(browser, address)
        story.enter("owner", link)
        page = story.go("owner", "/endpoints/late/alarms/2")
        taken(page.locator("main"), out / "watch-canary.png")
        page = story.go("owner", WATCH.format("30d", "2013-08-05T01:00"))
        taken(panel(page, "Alarms"), out / "watch-alarms.png")
        story.close()


def half_a_year(late: Path, out: Path) -> None:
    """What was seen of late@1 in its last ninety days."""
    with begun(late) as (address, link), chromium() as browser:
        story = Story(browser, address)
        story.enter("owner", link)
        page = story.go("owner", WATCH.format("90d", "2013-12-30T01:00"))
        taken(page, out / "watch-page.png")
        taken(panel(page, "How well late@1 answers"), out / "watch-flights-performance.png")
        taken(panel(page, "Drift of late@1"), out / "watch-flights-drift.png")
        taken(panel(page, "roc_auc of late@1 by carrier"), out / "watch-carriers.png")
        story.close()


def panel(page: Page, title: str) -> Locator:
    return page.locator("section.panel", has=page.get_by_role("heading", name=title, exact=True))


def taken(part: Locator | Page, path: Path) -> None:
    """Of 256 colours: half of the bytes, and no eye sees it."""
    part.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(path, flush=True)


if __name__ == "__main__":
    main()
