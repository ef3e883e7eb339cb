"""The two pictures of docs/watch-tutorial.md, from the report that `replay.py --report watch.html` writes at its end.

python scripts/watch_screenshots.py watch.html [FOLDER]
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.pages.browser import chromium  # noqa: E402 - the root has to be on the path first

PANELS = {"watch-flights-performance": "How well late@1 answers", "watch-flights-drift": "Drift of late@1"}


def main() -> None:
    """Write them as PNG."""
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs" / "images"
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(Path(sys.argv[1]).absolute().as_uri())
        for name, title in PANELS.items():
            page.locator("section.panel", has=page.get_by_role("heading", name=title, exact=True)).screenshot(
                path=out / f"{name}.png"
            )
            print(out / f"{name}.png")


if __name__ == "__main__":
    main()
