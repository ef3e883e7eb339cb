"""The verb "search": over what is on record and what clients logged, in one list."""

from itertools import zip_longest
from pathlib import Path

from arkwright.api.runs.tracked import stamp
from arkwright.catalog.pages import Page, Size, cursor, place, size
from arkwright.catalog.searching import Hit
from arkwright.core.nouns import Actor
from arkwright.sites import Site
from arkwright.tracking import found


def search(
    site: Site,
    by: Actor,
    project: Path,
    *,
    text: str,
    kinds: tuple[str, ...] = (),
    limit: Size = 20,
    after: str | None = None,
) -> Page[Hit]:
    """Whatever holds all these words: names, reasons, comments, promises, notes, errors, cards; what clients said of
    runs (`tracked`) and of registered models (`registered`). The best of both in turns.
    """
    skips = place(after, int, int) if after else (0, 0)
    ours, more = _on_record(site, text, kinds, size(limit), max(skips[0], 0))
    theirs, others = _logged(site, text, kinds, limit, max(skips[1], 0))
    both = [(side, hit) for pair in zip_longest(ours, theirs) for side, hit in enumerate(pair) if hit]
    shown = both[:limit]
    many = sum(side == 0 for side, _ in shown)
    rest = more or others or len(both) > limit
    on = cursor(skips[0] + many, skips[1] + len(shown) - many) if rest else None
    return Page(items=tuple(hit for _, hit in shown), next=on)


def _on_record(site: Site, text: str, kinds: tuple[str, ...], limit: int, skip: int) -> tuple[tuple[Hit, ...], bool]:
    wanted = tuple(kind for kind in kinds if kind not in found.KINDS)
    if kinds and not wanted:
        return (), False
    page = site.catalog.search(text, wanted, limit, cursor(skip))
    return page.items, page.next is not None


def _logged(site: Site, text: str, kinds: tuple[str, ...], limit: int, skip: int) -> tuple[tuple[Hit, ...], bool]:
    wanted = tuple(kind for kind in kinds if kind in found.KINDS)
    if (kinds and not wanted) or not site.tracks:
        return (), False
    hits, more = site.tracking.search(text, wanted, limit, skip)
    said = (
        Hit(kind=hit.kind, ref=hit.ref, title=hit.title, snippet=hit.snippet, at=stamp(hit.at), by=hit.by, seq=None)
        for hit in hits
    )
    return tuple(said), more
