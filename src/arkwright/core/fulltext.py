"""Full text: what people type as SQLite's FTS5 wants it, and what it found in turns."""

import re

from arkwright.core.errors import Invalid

NEWEST = 2_000  # matches that are ranked: the newest; a word that is everywhere costs no more than that
LONGEST, MOST_WORDS = 400, 20
TABLE_OPTIONS = "tokenize = 'porter unicode61 remove_diacritics 2', prefix = '2 3'"  # alike wherever one searches
LONGEST_PART = 240  # characters of a snippet between two matches
_OPEN, _CLOSE = "\ue000", "\ue001"  # of private use: around a match, until the snippet is cut at them
_WORD = re.compile(r'"([^"]*)"|(\S+)')

# of a table `words`
NEWEST_THAT_MATCH = (
    f"SELECT min(rowid) FROM (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT {NEWEST})"  # noqa: S608
)
SNIPPET = f"snippet(words, 2, '{_OPEN}', '{_CLOSE}', ' … ', 24)"
BEST_FIRST = "ORDER BY bm25(words, 0, 4, 1), rowid DESC"


def match(text: str, kinds: tuple[str, ...]) -> str:
    """Every word must be there, what stands in quotes as it stands; the last word may go on. Raises Invalid.

    For a table with the columns `kind`, `title` and `text`.
    """
    words = [phrase or word for phrase, word in _WORD.findall(text[:LONGEST])]
    words = [clean for word in words if re.search(r"\w", clean := word.replace('"', " ").replace("\0", " "))]
    if not words or len(text) > LONGEST or len(words) > MOST_WORDS:
        raise Invalid(f"search for 1 to {MOST_WORDS} words, together at most {LONGEST} characters")
    quoted = [f'"{word}"' for word in words]
    if not text.rstrip().endswith('"') and len(words[-1]) > 1:
        quoted[-1] += "*"
    asked = f"{{title text}} : ({' AND '.join(quoted)})"
    for kind in kinds:  # one that is left out would find everything
        if not re.fullmatch(r"\w{1,40}", kind):
            raise Invalid(f"{kind[:40]!r} is no kind of thing; write one such as release or comment")
    some = " OR ".join(f'"{kind}"' for kind in kinds)
    return f"kind : ({some}) AND {asked}" if some else asked


def turns(snippet: str) -> tuple[str, ...]:
    """Text that does not match and text that does, in turns, plain first; a word may be endless."""
    parts = re.split(f"[{_OPEN}{_CLOSE}]", snippet)
    return tuple(part if len(part) <= LONGEST_PART else f"{part[:LONGEST_PART]}…" for part in parts)
