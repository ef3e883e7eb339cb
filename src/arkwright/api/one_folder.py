"""Records on a server belong to one folder: its store holds the bytes they speak of, and no other folder has those."""

import logging
import secrets

from arkwright.core.durable import publish, writing
from arkwright.sites import Site

log = logging.getLogger("arkwright.control")
FILE, KIND, KEY = "folder.id", "site", "folder"


def warn_of_another(site: Site) -> None:
    """Tell the operator where the records are those of another folder already. The first that comes notes its own."""
    if site.settings.ledger is None:
        return
    note = site.folder / FILE
    if not note.exists():
        with writing(f"{note}", half := note.with_suffix(".new")):
            half.write_text(secrets.token_hex(16), encoding="ascii")
            publish(half, note)
    mine = note.read_text(encoding="ascii").strip()
    if not site.vault.add(KIND, KEY, mine) and site.vault.get(KIND, KEY) != mine:
        log.warning(
            "another folder keeps its records where %s does, and only that one has the bytes they speak of: here "
            "releases are not found and endpoints do not answer; use that folder, or another ?schema= for this one",
            site.folder,
        )
