"""MLflow's filter language, read: `metrics.loss < 0.1 and params.lr = '0.01' and tags.team LIKE 'n%'`.

Clauses are joined by AND; a clause is a name, a comparison and a value, or `name IS [NOT] NULL`. Whatever MLflow 3.17
accepts means the same here; a name in no quotes may hold more (`metrics.val/loss`), and lists may be compared with
every text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from arkwright.core.errors import Invalid, did_you_mean

METRIC, PARAM, TAG, ATTRIBUTE, DATASET = "metric", "parameter", "tag", "attribute", "dataset"
NUMERIC = ("=", "!=", "<", "<=", ">", ">=")
TEXTUAL = ("=", "!=", "LIKE", "ILIKE", "IN", "NOT IN")
NULLS = ("IS NULL", "IS NOT NULL")
LONGEST, MOST = 20_000, 100  # characters of a filter, clauses in it
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text> '(?:''|\\'|[^'])*' | "(?:""|\\"|[^"])*" )
      | (?P<number> [+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]) )
      | (?P<sign> <= | >= | != | = | < | > | [(),] )
      | (?P<name> (?:\w+|`[^`]+`) (?:\.(?: `[^`]+` | "[^"]+" | [^\s=<>!(),'"`]+ ))? )
    )""",
    re.VERBOSE,
)
Value = str | float | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Language:
    """Of what a filter may speak. `kinds`: every word for a kind; `texts`, `numbers`: attributes and their columns."""

    kinds: Mapping[str, str]
    texts: Mapping[str, str]
    numbers: Mapping[str, str]

    def named(self, token: str) -> tuple[str, str]:
        """(kind, key). Raises Invalid."""
        word, dot, key = ("attribute", ".", token) if token[0] == '"' else _split(token)
        if not dot:
            word, key = "attribute", word
        kind, key = self.kinds.get(_bare(word)), _bare(key)
        if kind is None:
            raise Invalid(f"Invalid entity type {_bare(word)[:40]!r}{did_you_mean(_bare(word)[:40], self.kinds)}")
        attributes = {**self.texts, **self.numbers}
        if kind == ATTRIBUTE and key not in attributes:
            raise Invalid(f"Invalid attribute key {key[:40]!r} specified{did_you_mean(key[:40], attributes)}")
        if kind == DATASET and key not in ("name", "digest", "context"):
            raise Invalid(f"Invalid dataset key {key[:40]!r} specified: name, digest or context")
        return kind, key

    def numeric(self, kind: str, key: str) -> bool:
        return kind == METRIC or (kind == ATTRIBUTE and key in self.numbers)


@dataclass(frozen=True, slots=True)
class Clause:
    """`value` is a number for what is numeric, a tuple for IN, None for NULL, else a text."""

    kind: str
    key: str
    comparison: str
    value: Value


def parse(text: str, language: Language) -> list[Clause]:
    """The clauses, all of which have to hold. Raises Invalid."""
    if not text.strip():
        return []
    tokens = _Tokens(text)
    found = [_clause(tokens, language)]
    while not tokens.at_end:
        tokens.word("AND")
        found.append(_clause(tokens, language))
        if len(found) > MOST:
            raise Invalid(f"a filter has at most {MOST} clauses")
    return found


def parse_order(text: str, language: Language) -> tuple[str, str, bool]:
    """(kind, key, whether it ascends) of `metrics.loss DESC`. Raises Invalid."""
    tokens = _Tokens(text)
    kind, key = language.named(tokens.name())
    ascending = True
    if not tokens.at_end:
        said, word = tokens.next("ASC or DESC")
        if said != "name" or word.upper() not in ("ASC", "DESC"):
            raise Invalid(f"Invalid ordering key in order_by clause {text[:80]!r}: ASC or DESC")
        ascending = word.upper() == "ASC"
    if not tokens.at_end or kind == DATASET:
        raise Invalid(f"Invalid order_by clause {text[:80]!r}. Could not be parsed.")
    return kind, key, ascending


class _Tokens:
    """The tokens of a text, one after the other."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise Invalid(f"a filter has at most {LONGEST} characters")
        self._text, self._found, self._place = text, _tokens(text), 0

    @property
    def at_end(self) -> bool:
        return self._place >= len(self._found)

    def next(self, wanted: str) -> tuple[str, str]:
        """(kind of token, its text). Raises Invalid at the end."""
        if self.at_end:
            raise Invalid(f"Invalid filter {self._text[-80:]!r}: {wanted} is missing at its end")
        self._place += 1
        return self._found[self._place - 1]

    def name(self) -> str:
        said, token = self.next("a name")
        if said != "name" and not token.startswith('"'):
            raise Invalid(f"Invalid clause(s) in filter string: {token[:80]!r} is no name, such as metrics.loss")
        return token

    def passed(self, sign: str) -> bool:
        """Whether this sign came next; it is behind us then."""
        found = not self.at_end and self._found[self._place] == ("sign", sign)
        self._place += found
        return found

    def word(self, *words: str) -> str:
        """The next word, in capitals, which has to be one of these. Raises Invalid."""
        said, token = self.next(" or ".join(words))
        if said not in ("name", "sign") or token.upper() not in words:
            raise Invalid(
                f"Invalid clause(s) in filter string: {token[:80]!r} stands where {' or '.join(words)} should"
            )
        return token.upper()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            raise Invalid(f"Invalid filter: it cannot be read from {text[place : place + 40].strip()!r} on")
        kind = match.lastgroup or ""
        found.append((kind, match[kind]))
        place = match.end()
    return found


def _clause(tokens: _Tokens, language: Language) -> Clause:
    kind, key = language.named(tokens.name())
    comparison = tokens.word(*NUMERIC, "LIKE", "ILIKE", "IN", "NOT", "IS")
    if comparison == "NOT":
        comparison = f"NOT {tokens.word('IN')}"
    if comparison == "IS":
        comparison = "IS NOT NULL" if tokens.word("NOT", "NULL") == "NOT" and tokens.word("NULL") else "IS NULL"
        _among(comparison, NULLS if kind in (PARAM, TAG) else (), kind, key)
        return Clause(kind, key, comparison, None)
    if language.numeric(kind, key):
        _among(comparison, NUMERIC, kind, key)
        return Clause(kind, key, comparison, _number(tokens, kind))
    _among(comparison, TEXTUAL, kind, key)
    return Clause(kind, key, comparison, _list(tokens) if comparison.endswith("IN") else _text(tokens, kind))


def _among(comparison: str, offered: Sequence[str], kind: str, key: str) -> None:
    if comparison not in offered:
        can = f"one of {', '.join(offered)}" if offered else "to be compared with a value"
        raise Invalid(f"Invalid comparator {comparison!r}: {kind} {key[:40]!r} takes {can}")


def _number(tokens: _Tokens, kind: str) -> float:
    said, token = tokens.next("a number")
    if said != "number":
        raise Invalid(f"Expected numeric value type for {kind}. Found {token[:80]}")
    return int(token) if re.fullmatch(r"[+-]?[0-9]{1,18}", token) else float(token)


def _text(tokens: _Tokens, kind: str) -> str:
    said, token = tokens.next("a text in quotes")
    if said != "text":
        raise Invalid(f"Expected a quoted string value for {kind} (e.g. 'my-value'). Got value {token[:80]}")
    return token[1:-1]


def _list(tokens: _Tokens) -> tuple[str, ...]:
    tokens.word("(")
    found = [_text(tokens, "a list")]
    while tokens.word(",", ")") == "," and not tokens.passed(")"):  # `('a',)` is how Python writes a list of one
        found.append(_text(tokens, "a list"))
    return tuple(found)


def _split(token: str) -> tuple[str, str, str]:
    """`tags.a.b` and `` `tags`.`a.b` ``: before and after the dot behind the kind."""
    if token[0] == "`":
        end = token.index("`", 1) + 1
        return token[:end], token[end : end + 1], token[end + 1 :]
    return token.partition(".")


def _bare(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in '`"' else word
