"""Who reads an endpoint's compacted predictions, many at once, and who changes them, alone.

Readers that overlap would keep out for ever who waits to change something, as a lock of the system has no queue. So
that one shuts a door that new readers pass first. Nobody waits without end for another that stands still.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arkwright.core.errors import Away
from arkwright.core.locks import locked

LOCK, DOOR = "index.lock", "index.door"
PATIENCE = 15.0  # seconds; new readers wait as long where one that is in stands still
CHANGES = 45.0  # seconds that a change may take: a store that is far away removes files


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Entries, segments and bytes stay as they are meanwhile; not to be entered again within. Raises Away where
    somebody has begun to change them and stands still.
    """
    if (folder / DOOR).exists():  # who only reads makes none: its folder may not be written
        with locked(folder / DOOR, shared=True, within=PATIENCE):
            pass
    with locked(folder / LOCK, shared=True, within=CHANGES) as got:
        if not got:
            raise Away(
                f"the predictions of {folder.name} are being changed by a process that stands still; "
                f"end it (fuser -v {folder / LOCK}), and try again"
            )
        yield


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Nobody reads or changes them meanwhile; one process at a time asks for it. Raises Away where one who reads them
    does not come to an end.
    """
    with (
        locked(folder / DOOR, within=PATIENCE),
        locked(folder / LOCK, within=PATIENCE) as got,
    ):
        if not got:
            raise Away(
                f"a process has read them for {PATIENCE:.0f} seconds and goes on; where it stands still, end it "
                f"(fuser -v {folder / LOCK})"
            )
        yield
