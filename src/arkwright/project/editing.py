"""One promise of `arkwright.toml` added, changed or taken out: comments and layout stay, and nothing else moves."""

import difflib
import tomllib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, String

from arkwright.core.errors import ArkwrightError, Invalid, Refused, Unknown, did_you_mean
from arkwright.core.promises import parse
from arkwright.core.record import digest_of

SECTIONS = ("data", "gate", "endpoint")
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to stand in the promises of `[section.name]`. Without `before` it is added, without `after` taken out."""

    section: str
    name: str
    before: str | None
    after: str | None


def standing(text: str, section: str, name: str) -> list[str]:
    """The promises of a table as the file spells them. Raises Unknown with a near miss, Invalid for what is no TOML."""
    tables = _parsed(text).get(section)
    known = list(tables) if isinstance(tables, dict) else []
    if not isinstance(tables, dict) or name not in tables:
        raise Unknown(f"arkwright.toml has no [{section}.{name}]{did_you_mean(name, known)}")
    table = tables[name]
    found = table.get("promises", []) if isinstance(table, dict) else []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Invalid(f"the promises of [{section}.{name}] are no list of texts")
    return found


def place(text: str, change: Change) -> str:
    """Digest of what stands in the file where the change would be made: that table's promises of the same measure."""
    about = {_measure(one) for one in (change.before, change.after) if one is not None}
    there = standing(text, change.section, change.name)
    return digest_of([change.section, change.name, [one for one in there if _measure(one) in about]])


def made(text: str, change: Change) -> bool:
    """Whether the file says it already."""
    try:
        there = [spelling(one) for one in standing(text, change.section, change.name)]
    except Unknown:
        return False
    gone = change.before is None or spelling(change.before) not in there
    return gone and (change.after is None or spelling(change.after) in there)


def spelling(promise: str) -> str:
    """The canonical text of a promise, by which two are compared."""
    try:
        return parse(promise).text
    except ArkwrightError:
        return promise


def edited(text: str, change: Change) -> str:
    """The file with this change. Raises Unknown where it does not stand as `before` says, Refused where nobody knows
    how to write it without moving something else.
    """
    mark, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    wanted = _wanted(body, change)
    for way in _ways(change):
        with suppress(TOMLKitError, KeyError, IndexError):
            document = tomlkit.parse(body)
            way(document[change.section][change.name])
            result = tomlkit.dumps(document)
            with suppress(tomllib.TOMLDecodeError):
                if tomllib.loads(result) == wanted:
                    return mark + result
    raise Refused(f"[{change.section}.{change.name}] is written in a way that cannot be edited here; edit it by hand")


def diff(before: str, after: str, path: str) -> str:
    """A unified diff that `git apply` and `patch -p1` take."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    """Cut at LF only, as git does."""
    return [line + "\n" for line in text[:-1].split("\n")] if text.endswith("\n") else _cut(text)


def _cut(text: str) -> list[str]:
    *whole, last = text.split("\n")
    return [line + "\n" for line in whole] + ([last] if last else [])


def _wanted(text: str, change: Change) -> dict[str, Any]:
    """What the edited file has to say, and nothing else."""
    there = standing(text, change.section, change.name)
    raw = _loaded(text)
    if change.before is not None and change.before not in there:
        raise Unknown(f"[{change.section}.{change.name}] does not promise {change.before[:200]!r} any more")
    wanted = list(there)
    if change.before is not None:
        at = wanted.index(change.before)
        wanted[at : at + 1] = [] if change.after is None else [change.after]
    elif change.after is not None:
        wanted.append(change.after)
    raw[change.section][change.name]["promises"] = wanted
    return raw


def _ways(change: Change) -> Iterator[Callable[[Any], None]]:
    def replace(table: Any) -> None:
        promises = table["promises"]
        at = [str(one) for one in promises].index(str(change.before))
        if change.after is None:
            del promises[at]
        else:
            promises[at] = _text(change.after)

    def append(table: Any) -> None:
        table["promises"].append(_text(str(change.after)))

    def before_the_last(table: Any) -> None:
        """Where a comment without a comma before it would swallow what is appended."""
        last = table["promises"].pop()
        table["promises"].append(_text(str(change.after)))
        table["promises"].append(last)

    def first_of_all(table: Any) -> None:
        """Behind the table's last key; its comments may belong to what follows."""
        array = Array([], tomlkit.items.Trivia())
        array.append(_text(str(change.after)))
        body = table.value.body
        keys = [key for key, _ in body if key is not None]
        if "promises" in table or not body:
            table["promises"] = array
        elif keys:
            table.value._insert_after(keys[-1], "promises", array)  # noqa: SLF001 - nothing public keeps the order
        else:
            table.value._insert_at(0, "promises", array)  # noqa: SLF001

    if change.before is not None:
        yield replace
        return
    yield append
    yield before_the_last
    yield first_of_all


def _text(value: str) -> String:
    """As people write it: in single quotes where it holds double ones."""
    literal = '"' in value and "'" not in value and value.isprintable()
    return tomlkit.string(value, literal=literal)


def _measure(promise: str) -> str:
    try:
        return parse(promise).call.name
    except ArkwrightError:
        return promise


@lru_cache(maxsize=4)  # many proposals are held against one file
def _parsed(text: str) -> dict[str, Any]:
    """To be looked at only."""
    return _loaded(text)


def _loaded(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix(_BOM))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"arkwright.toml cannot be read: {error}") from None
