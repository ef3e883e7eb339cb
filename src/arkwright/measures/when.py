"""When it was worst: minutes in which more went wrong than chance would have of what came then.

Each minute is held against all others (Fisher's exact test, 1922), adjusted for their number (Bonferroni).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from arkwright.measures import divergence
from arkwright.measures.causes import ALPHA, LEAST, OTHERS, PARTS, Explained, Part
from arkwright.measures.evaluation import Array

MINUTE = 60


def worst(counted: Mapping[int, tuple[int, int]], unit: str) -> Explained:
    """`counted`: by the second since 1970 in which a minute began, what went wrong in it, and all that came."""
    begins = np.array(sorted(counted), np.int64)
    wrong, all_ = (np.array([counted[begin][side] for begin in begins.tolist()], np.int64) for side in (0, 1))
    if all_.sum() < LEAST or not wrong.sum():
        return Explained(note="too few requests to tell when")
    law = divergence.scipy("stats").hypergeom(int(all_.sum()), int(wrong.sum()), all_)
    named = law.sf(wrong - 1) * len(begins) < ALPHA
    spans = sorted(_spans(begins, named), key=lambda span: -int(wrong[span].sum()))
    parts = [_part(_said(begins[span]), wrong, all_, span) for span in spans[:PARTS]]
    note = "" if parts else "it is spread over the whole window as chance would have it"
    if spans[PARTS:]:
        parts.append(replace(_part((OTHERS, None), wrong, all_, np.concatenate(spans[PARTS:])), named=False))
    return Explained(parts=tuple(parts), unit=unit, against="else", of="requests", note=note)


def _spans(begins: Array, named: Array) -> list[Array]:
    """The places of minutes that follow one another."""
    places = np.flatnonzero(named)
    cuts = np.flatnonzero(np.diff(begins[places]) > MINUTE) + 1
    return [span for span in np.split(places, cuts) if len(span)]


def _said(begins: Array) -> tuple[str, tuple[int, int]]:
    since, until = int(begins[0]), int(begins[-1]) + MINUTE
    first, last = (datetime.fromtimestamp(at, UTC) for at in (since, until))
    return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}", (since, until)


def _part(said: tuple[str, tuple[int, int] | None], wrong: Array, all_: Array, span: Array) -> Part:
    bad, came = int(wrong[span].sum()), int(all_[span].sum())
    rest = int(all_.sum()) - came
    return Part(
        column="",
        label=said[0],
        now=came / int(all_.sum()),
        was=(int(wrong.sum()) - bad) / rest if rest else None,
        value=bad / came,
        explains=bad / int(wrong.sum()),
        span=said[1],
        named=True,
    )
