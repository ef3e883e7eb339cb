"""Releases in lists, the newest first: all of them, of one name, or those that stand in one way before their gate."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

import msgspec

from arkwright.catalog.evidence import decisions
from arkwright.catalog.pages import Page, cursor, place, size
from arkwright.core.nouns import Release
from arkwright.core.record import decode
from arkwright.core.rules import judge_gate, standing

# a release names its model as model:late@7
_MODEL = """LEFT JOIN noun m ON m.kind = 'model'
AND m.name = substr(json_extract(r.body, '$.model'), 7, instr(json_extract(r.body, '$.model'), '@') - 7)
AND m.version =
CAST(substr(json_extract(r.body, '$.model'), instr(json_extract(r.body, '$.model'), '@') + 1) AS INTEGER)
"""
# whether each promise of its gate is kept: one look at an index for each, and no finding is read whole
_KEPT = """NOT EXISTS (SELECT 1 FROM json_each(r.body, '$.gate.promises') p LEFT JOIN finding f ON f.promise = p.value
AND f.digest = m.digest WHERE json_extract(f.body, '$.verdict') IS NOT 'kept')"""
_ENOUGH = """(SELECT count(*) FROM decision d WHERE d.digest = r.digest)
>= json_array_length(r.body, '$.gate.signed_by')"""
_A_NO = "EXISTS (SELECT 1 FROM decision d WHERE d.digest = r.digest AND NOT json_extract(d.body, '$.yes'))"
# what has to hold of a release that stands so, what costs least first: the others are never judged. Who has decisions
# enough seldom waits: then the promises, which cost more than the signatures, are looked at after those
_MAY = {
    "passed": f"{_ENOUGH} AND {_KEPT}",
    "waits": f"({_ENOUGH} OR {_KEPT})",
    "refused": f"({_A_NO} OR NOT {_KEPT})",
}
_FOUND = {"passed": "TRUE", "waits": f"CASE WHEN {_ENOUGH} THEN NULL ELSE TRUE END", "refused": _KEPT}
_ONE = f"SELECT {_KEPT} FROM noun r {_MODEL} WHERE r.kind = 'release' AND r.seq = ?"  # noqa: S608


def listed(
    db: Any, *, name: str | None, wanted: str | None, among: Collection[str] | None, limit: int, after: str | None
) -> Page[tuple[str, Release]]:
    """(when it was made, the release), in a page. `wanted`: a word of STANDINGS; `among`: only these references.
    Raises Invalid for a place that is none.
    """
    where: list[str] = ["r.kind = 'release'"]
    values: list[Any] = []
    for clause, value in (("r.name = ?", name), ("r.seq < ?", place(after, int)[0] if after else None)):
        if value is not None:
            where, values = [*where, clause], [*values, value]
    if among is not None:
        where = [*where, "r.kind || ':' || r.name || '@' || r.version IN (SELECT value FROM json_each(?))"]
        values = [*values, msgspec.json.encode(sorted(among)).decode()]
    where += [_MAY[wanted]] if wanted else []
    kept, models = (_FOUND[wanted], _MODEL) if wanted else ("TRUE", "")
    query = f"SELECT r.seq, r.at, r.body, {kept} FROM noun r {models} WHERE {' AND '.join(where)}"  # noqa: S608
    query += " ORDER BY r.seq DESC"
    rows = db.execute(query, values)  # read one by one, as far as the page goes
    found = list(islice(_standing(db, rows, wanted) if wanted else _all(rows), size(limit) + 1))
    shown = tuple((at, release) for _, at, release in found[:limit])
    return Page(items=shown, next=cursor(found[limit - 1][0]) if len(found) > limit else None)


Row = tuple[int, str, Release]


def _all(rows: Any) -> Iterator[Row]:
    for seq, at, body, _ in rows:
        yield seq, at, decode(Release, body)


def _standing(db: Any, rows: Any, wanted: str) -> Iterator[Row]:
    """Those of them that stand so. Who signed what is judged as everywhere; whether the promises are kept, SQL says."""
    said = decisions(db)
    for seq, at, body, kept in rows:
        release = decode(Release, body)
        judged = judge_gate(release, "", (), said(release.digest))
        if kept is None and judged.unsigned:
            (kept,) = db.execute(_ONE, (seq,)).fetchone()  # noqa: PLW2901
        if standing(judged, kept=kept is None or bool(kept)) == wanted:
            yield seq, at, release
