"""What gates are judged by, of many releases at once, now or at an earlier time."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from arkwright.core.nouns import Account, Decision, Finding
from arkwright.core.record import decode
from arkwright.core.rules import counts

Evidence = tuple[str, tuple[Finding, ...], tuple[Decision, ...]]
_DIGEST = "SELECT digest FROM noun WHERE kind = 'model' AND name = ? AND version = ?"
_FOUND = "SELECT body FROM finding WHERE digest = ? ORDER BY seq"
_SAID = "SELECT seq, body FROM decision WHERE digest = ? ORDER BY seq"
_PEOPLE = "SELECT seq, body FROM noun WHERE kind = 'account' ORDER BY seq"
_THEN = """
SELECT event.kind, event.key FROM (SELECT max(seq) AS seq FROM measured WHERE digest = ? AND at <= ? GROUP BY promise)
JOIN event USING (seq) ORDER BY seq
"""


def evidence(db: Any, wanted: Iterable[tuple[str, int, str]]) -> list[Evidence]:
    """Of each (model's name, its version, release's digest): the model's digest, the latest finding of each promise on
    it, every decision that counts.
    """
    said = decisions(db)
    found: list[Evidence] = []
    for name, version, release in wanted:
        row = db.execute(_DIGEST, (name, version)).fetchone()
        digest = str(row[0]) if row else ""
        findings = tuple(decode(Finding, body) for (body,) in db.execute(_FOUND, (digest,)))
        found.append((digest, findings, said(release)))
    return found


def decisions(db: Any) -> Callable[[str], tuple[Decision, ...]]:
    """Asked for a digest, every decision on these bytes that counts, in order; accounts are read once, if at all."""
    people = cache(lambda: _people(db))

    def said(digest: str) -> tuple[Decision, ...]:
        made = [(seq, decode(Decision, body)) for seq, body in db.execute(_SAID, (digest,))]
        return tuple(noun for seq, noun in made if counts(noun, seq, people()[noun.by]))

    return said


def _people(db: Any) -> defaultdict[str, list[tuple[int, Account]]]:
    """Of each name what `counts` asks of all accounts: the very first one, and their own; of a thousand decisions each
    would walk through everybody else.
    """
    everybody = [(seq, decode(Account, body)) for seq, body in db.execute(_PEOPLE)]
    found: defaultdict[str, list[tuple[int, Account]]] = defaultdict(lambda: everybody[:1])
    for seq, account in everybody:
        found[account.name].append((seq, account))
    return found


def findings_then(db: Any, digest: str, at: str) -> list[tuple[str, str]]:
    """(kind, key) of the latest finding of each promise on these bytes, as it was at a time."""
    return list(db.execute(_THEN, (digest, at)))


def broken(db: Any, kinds: Iterable[str]) -> list[tuple[str, Finding]]:
    """(reference, finding) of each promise that the newest version of a name breaks."""
    query = """
    SELECT noun.kind, noun.name, noun.version, finding.body FROM noun JOIN finding ON finding.digest = noun.digest
    WHERE noun.kind = ?1 AND noun.version = (SELECT max(n.version) FROM noun n WHERE n.kind = ?1 AND n.name = noun.name)
    AND json_extract(finding.body, '$.verdict') = 'broken' ORDER BY noun.name, finding.seq
    """
    return [
        (f"{kind}:{name}@{version}", decode(Finding, body))
        for wanted in kinds
        for kind, name, version, body in db.execute(query, (wanted,))
    ]
