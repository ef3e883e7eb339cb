"""A file that is made beside its place first."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.durable import writing


@contextmanager
def half(final: Path) -> Iterator[Path]:
    """A temporary name beside `final` for the time of writing. Nothing is left of it, however it ends.

    Raises ArkwrightError when the disk is full, may not be written or fails.
    """
    temporary = final.with_name(f".{final.name}.half")
    try:
        with writing(str(final)):
            yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
