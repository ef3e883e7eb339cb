"""Pictures of the control room for the docs: the story that `tests/pages/story.py` tells, once more, with a camera.

python scripts/screenshots.py [FOLDER]      # into a folder: all of them; otherwise those that the docs show
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.conftest import Shop  # noqa: E402 - the root has to be on the path first
from tests.pages.browser import begun, checkout, chromium  # noqa: E402
from tests.pages.story import Story, told  # noqa: E402


def main() -> None:
    """Write them as PNG."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "images"
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(Path(folder) / "shop")
        checkout(shop.folder)
        with begun(shop.folder) as (address, link), chromium() as browser:
            story = Story(browser, address, out)
            told(story, link)
            story.close()
    shown = "".join(path.read_text(encoding="utf-8") for path in out.parent.glob("*.md"))
    for path in sorted(out.glob("*.png")):
        if len(sys.argv) > 1 or f"images/{path.name})" in shown:
            print(path)
        else:
            path.unlink()


if __name__ == "__main__":
    main()
