"""Folders for what is being made: gone when their maker is done, and swept by the next one when it was killed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.durable import room, writing
from arkwright.core.held import claim, sweep


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """An empty folder `NAME-…` in `parent`, locked while it is used; only such folders may be there.

    Raises ArkwrightError when the disk is full.
    """
    with writing(f"the folder {parent}"):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent.iterdir())
        folder, handle = claim(parent, name)
    try:
        with room(f"what is worked on in {parent}"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
