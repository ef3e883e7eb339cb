"""Records on a server belong to one folder: its store holds the bytes they speak of, and no other folder has those."""

import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

from arkwright.core.durable import sync, writing
from arkwright.core.errors import ArkwrightError
from arkwright.core.masked import serverless
from arkwright.sites import Site

log = logging.getLogger("arkwright.control")
FILE, KIND, KEY = "folder.id", "site", "folder"


def warn_of_another(site: Site) -> None:
    """Tell the operator where the records are those of another folder already. The first that comes notes its own.
    Where that cannot be known, it is told, and stops nobody.
    """
    if site.settings.ledger is None:
        return
    try:
        mine = _mark(site.folder / FILE)
        noted = site.vault.get(KIND, KEY)
        if noted is None and not site.vault.add(KIND, KEY, mine):
            noted = site.vault.get(KIND, KEY)  # somebody was first
    except (ArkwrightError, OSError, UnicodeDecodeError) as error:
        log.warning(
            "whether another folder keeps its records where %s does is not known: %s",
            site.folder,
            serverless(str(error)),
        )
        return
    if noted not in (None, mine):
        log.warning(
            "another folder keeps its records where %s does, and only that one has the bytes they speak of: here "
            "releases are not found and endpoints do not answer; use that folder, or another ?schema= for this one",
            site.folder,
        )


def _mark(note: Path) -> str:
    """What this folder is called; of several that begin at once, one gives it its name."""
    if not note.exists():
        half = note.with_name(f"{FILE}.{secrets.token_hex(8)}")
        with writing(f"{note}", half):
            half.write_text(secrets.token_hex(16), encoding="ascii")
            sync(half)
            with suppress(FileExistsError):
                os.link(half, note)
            sync(note.parent)
    return note.read_text(encoding="ascii").strip()
