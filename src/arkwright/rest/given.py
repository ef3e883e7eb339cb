"""What a caller gives a verb: from the verb's signature to what is taken, and a word on everything that is not."""

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from arkwright.api.verbs import Verb
from arkwright.core import times
from arkwright.core.bounds import LARGEST, Between
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.core.kinds import in_words
from arkwright.core.record import NAME
from arkwright.core.spelt import END, in_schema

ALWAYS = ("site", "by", "project", "say")  # the server's own
DEEPEST, LONGEST_TEXT, MOST_LIMIT, LIMIT = 32, 10_000, 1000, 100
REFERENCE = rf"^([a-z]{{1,16}}:)?{NAME.pattern}(@[1-9][0-9]{{0,8}})?{END}"
_TEXT = r"^[^\u0000]*$"  # no database takes a NUL
TIME = Annotated[str, Meta(extra_json_schema={"pattern": times.PATTERN, "description": f"A time: {times.SPELLING}"})]
_INTEGER, _NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,18})"), re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_UNIONS = (type(int | str), typing.Union)


@dataclass(frozen=True)
class Word:
    """One thing that a verb takes. `kind` is a type that msgspec can check; `bounds`: of a number that has them."""

    name: str
    kind: Any
    default: Any = inspect.Parameter.empty
    bounds: Between | None = None

    @property
    def needed(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Words:
    """All that a verb takes; `pages`: whether REST adds `limit` and `after` to what it gives."""

    words: tuple[Word, ...]
    pages: bool = False

    @cached_property
    def struct(self) -> type[Struct]:
        made = [(w.name, w.kind) if w.needed else (w.name, w.kind, msgspec.UNSET) for w in self.words]
        kinds = [(m[0], m[1]) if len(m) == 2 else (m[0], m[1] | msgspec.UnsetType, m[2]) for m in made]
        return msgspec.defstruct("Given", kinds, kw_only=True, forbid_unknown_fields=True)

    def names(self) -> list[str]:
        return [word.name for word in self.words]

    def from_query(self, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """Raises Invalid."""
        kinds = {word.name: word.kind for word in self.words}
        given: dict[str, Any] = {}
        for name, text in pairs:
            self._must_know(name)
            if _is_many(kinds[name]):
                given.setdefault(name, []).append(text)
            elif name in given:
                raise Invalid(f"{name} is given twice")
            else:
                given[name] = _read(text, kinds[name])
        return self._checked(given)

    def from_json(self, body: bytes) -> dict[str, Any]:
        """Raises Invalid."""
        try:
            given = msgspec.json.decode(body) if body else {}
            if body:
                json.loads(body, object_pairs_hook=_once)  # the one above takes the last of two
        except (msgspec.DecodeError, RecursionError) as error:
            raise Invalid(f"the body is no JSON that can be read: {str(error)[:200]}") from None
        if not isinstance(given, dict):
            raise Invalid("the body has to be one JSON object")
        if _deeper(given, DEEPEST):
            raise Invalid(f"the body is nested more than {DEEPEST} deep")
        for name in given:
            self._must_know(name)
        return self._checked(given)

    def _must_know(self, name: str) -> None:
        if name not in self.names():
            raise Invalid(f"nothing is called {name[:80]!r} here{did_you_mean(name[:80], self.names())}")

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        for word in self.words:
            number = given.get(word.name)
            if word.bounds and isinstance(number, int | float) and not isinstance(number, bool):
                word.bounds.check(word.name, number)
        try:
            found = msgspec.convert(given, self.struct)
        except msgspec.ValidationError as error:
            raise Invalid(_told(str(error))) from None
        said = {word.name: getattr(found, word.name) for word in self.words}
        for word in self.words:
            if said[word.name] is msgspec.UNSET:
                said[word.name] = word.default
            elif _is_time(word.kind):
                said[word.name] = _moment(word.name, said[word.name])
        return said


def words_of(verb: Verb) -> Words:
    """What is taken from afar: the verb's own words, without what only the machine itself can give."""
    hints = typing.get_type_hints(verb.function, include_extras=True)
    taken = [
        Word(name, _kind(name, hints[name], verb), parameter.default, _bounds(hints[name]))
        for name, parameter in inspect.signature(verb.function).parameters.items()
        if name not in ALWAYS
    ]
    names = [word.name for word in taken]
    if verb.as_role:
        taken.append(Word("role", Annotated[str, Meta(pattern=f"^{NAME.pattern}{END}")] | None, None))
    paged = is_list(hints.get("return")) and not verb.acts and "after" not in names
    return Words((*taken, *(pages().words if paged else ())), paged)


def pages() -> Words:
    """Which part of a list."""
    limit = Word("limit", Annotated[int, Meta(ge=1, le=MOST_LIMIT)], LIMIT)
    return Words((limit, Word("after", Annotated[int, Meta(ge=0, le=LARGEST)], 0)), pages=True)


NOTHING = Words(())


def is_list(kind: Any) -> bool:
    return typing.get_origin(kind) is tuple and typing.get_args(kind)[-1:] == (...,)


def schema(words: Words) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON Schema of all that is taken, and of the classes in it by their names."""
    said = msgspec.json.schema_components([words.struct], ref_template="#/components/schemas/{name}")
    (made,), named = in_schema(said)
    body = named.pop("Given") if "$ref" in made else made
    for word in words.words:
        found = body["properties"][word.name]
        if not word.needed and word.default is not None and isinstance(word.default, str | int | float | bool):
            found["default"] = word.default
        if word.name in ("reason", "note"):
            found["maxLength"] = LONGEST_TEXT
    return body, named


def _kind(name: str, hint: Any, verb: Verb) -> Any:  # noqa: PLR0911 - a case for each kind
    """The verb's own type, bounded."""
    if name in verb.known:
        return Annotated[str, Meta(pattern=REFERENCE, max_length=100)]
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if hint is datetime:
        return TIME
    if hint is str:
        return Annotated[str, Meta(max_length=LONGEST_TEXT, pattern=_TEXT)]
    if origin is Annotated:  # a number, between what the verb says
        return Annotated[inside[0], _meta(*(one for one in hint.__metadata__ if isinstance(one, Between)))]
    if origin in _UNIONS:
        return typing.Union[tuple(_kind(name, one, verb) for one in inside)]  # noqa: UP007 - made at run time
    if origin is not None and inside and inside[-1] is not ... and issubclass(origin, Sequence):
        return list[_kind(name, inside[0], verb)]  # type: ignore[misc]
    if origin is tuple:
        return list[_kind(name, inside[0], verb)]  # type: ignore[misc]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return dict[str, Any]
    return hint


def _bounds(hint: Any) -> Between | None:
    """What a number of this type, or the number in it, lies between."""
    inside = typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)
    said = (one for kind in inside for one in getattr(kind, "__metadata__", ()))
    return next((one for one in said if isinstance(one, Between)), None)


def _meta(bounds: Between) -> Meta:
    least: dict[str, Any] = {"gt" if bounds.above else "ge": bounds.least}
    return Meta(**least, le=bounds.most)


def _bare(kind: Any) -> set[Any]:
    """The plain types that a kind is made of."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _bare(inside[0])
    if origin in _UNIONS:
        return set().union(*map(_bare, inside))
    return {origin or kind}


def _is_many(kind: Any) -> bool:
    return list in _bare(kind)


_READ: tuple[tuple[type, Callable[[str], Any], Callable[[str], bool]], ...] = (
    (bool, lambda text: text == "true", lambda text: text in ("true", "false")),
    (int, int, lambda text: bool(_INTEGER.fullmatch(text))),
    (float, float, lambda text: bool(_NUMBER.fullmatch(text))),
)


def _read(text: str, kind: Any) -> Any:
    """Text as the word's type; as it is, where it is not of that type, and then it is refused."""
    wanted = _bare(kind)
    for one, make, fits in _READ:
        if one in wanted and fits(text):
            return make(text)
    return text


def _is_time(kind: Any) -> bool:
    return kind == TIME or TIME in typing.get_args(kind)


def _moment(name: str, text: Any) -> datetime | None:
    try:
        return times.moment(text)
    except Invalid as error:
        raise Invalid(f"{name}: {error}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Raises Invalid where a name stands twice in one object."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"{name[:80]!r} is given twice in the body")
        found[name] = value
    return found


def _deeper(value: Any, most: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return bool(inner) and (most == 0 or any(_deeper(one, most - 1) for one in inner))


def _told(message: str) -> str:
    """Msgspec's words with the place in front: `seed: expected a whole number, got text`."""
    what, _, place = message.partition(" - at `$")
    place = place.strip("`.")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing:
        return f"{missing[1]} is missing"
    return f"{place or 'the body'}: {what[:1].lower()}{in_words(what)[1:]}"


def plain(value: Any) -> str:
    """A value as a query says it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value)
