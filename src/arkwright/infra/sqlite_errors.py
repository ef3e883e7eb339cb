"""What SQLite's errors mean, in our words."""

import shutil
from pathlib import Path
from typing import Any

from arkwright.core.errors import ArkwrightError, Corrupt, Full

PATIENCE_S = 60  # how long one waits for the others
ROOM = 64 << 10  # bytes that SQLite wants beside its file


class Failed(ArkwrightError):
    """The disk under the file failed: what else it says of a write is not to be believed."""


def explained(what: str, path: Path, error: Any) -> ArkwrightError:
    """`what`: such as `ledger`. Failed where nothing may be written any more until the file is opened again."""
    name = (getattr(error, "sqlite_errorname", "") or "").removeprefix("SQLITE_").split("_")[0]
    if name in ("CORRUPT", "NOTADB"):
        return Corrupt(f"the {what} {path} is damaged ({error}); put a backup back")
    if name == "BUSY":
        return ArkwrightError(f"the {what} {path} was kept busy by others for {PATIENCE_S} s; try again")
    if name == "FULL":
        return Full(f"the disk is full: nothing was written to the {what} {path}; make room")
    if name == "READONLY":
        return ArkwrightError(f"the {what} {path} may not be written: its file or its disk is read-only")
    if name == "IOERR":  # also when there is no room for what lies beside the file
        full = shutil.disk_usage(path.parent).free < ROOM
        said = "the disk is full" if full else "the disk failed"
        return Failed(f"{said} under the {what} {path} ({error}); {'make room' if full else 'check it'}")
    return ArkwrightError(f"the {what} {path} cannot be used: {error}")
