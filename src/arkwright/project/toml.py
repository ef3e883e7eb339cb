"""`arkwright.toml`, read strictly: every mistake at once, each with its line and a near miss."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import urlsplit

import msgspec

from arkwright.core import durations
from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.kinds import in_toml
from arkwright.core.promises import Promise, parse
from arkwright.core.record import SPELLING, valid_name
from arkwright.project import reactions, texts
from arkwright.project.problems import Lines, Problems
from arkwright.project.spec import SECTIONS, ProjectSpec, Table

T = TypeVar("T", bound=Table)
FILE = "arkwright.toml"
_PLACE = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")


@dataclass(frozen=True)
class Sheet:
    """The parsed file with the place of each of its lines, for messages."""

    folder: Path
    spec: ProjectSpec
    lines: Lines


def read(folder: Path) -> Sheet:
    """Read `arkwright.toml` in `folder`. Raises Unknown when there is none, Invalid with every mistake in it."""
    path = folder / FILE
    try:
        text = texts.read(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Unknown(f"there is no {FILE} in {folder}; start a project with: arkwright new NAME") from None
    raw = _parsed(text)
    lines, problems = Lines(path, text), Problems()
    spec = _convert(raw, lines, problems)
    problems.raise_if_any()
    assert spec is not None
    _check_secrets(spec, lines, problems)
    _check_references(spec, lines, problems)
    problems.raise_if_any()
    return Sheet(folder, spec, lines)


def _parsed(text: str) -> dict[str, Any]:
    """The tables as they are written. Raises Invalid with the line of what is no TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        what, line = (found[1], found[2]) if found else (str(error), None)
        cut = "" if line else "; is the file cut off?"
        raise Invalid(f"{FILE}:{line or len(text.splitlines())}: {what[0].lower() + what[1:]}{cut}") from None
    except RecursionError:
        raise Invalid(f"{FILE} is nested too deeply") from None


def _convert(raw: dict[str, Any], lines: Lines, problems: Problems) -> ProjectSpec | None:
    parts: dict[str, Any] = {}
    for section, kind in SECTIONS.items():
        tables = raw.pop(section, {})
        if not isinstance(tables, dict):
            problems.add(lines.of(section), f"write tables like [{section}.NAME]")
            continue
        for name in tables:
            try:
                valid_name(name, section)
            except Invalid as error:
                problems.add(lines.of(section, name), error)
        parts[section] = {name: _table(body, kind, (section, name), lines, problems) for name, body in tables.items()}
    if problems.lines:
        _table(raw, ProjectSpec, (), lines, problems)
        return None
    whole = raw | {section: {n: msgspec.to_builtins(t) for n, t in tables.items()} for section, tables in parts.items()}
    return _table(whole, ProjectSpec, (), lines, problems)


def _table(body: Any, kind: type[T], path: tuple[str, ...], lines: Lines, problems: Problems) -> T | None:
    try:
        return msgspec.convert(body, kind, strict=True)
    except msgspec.ValidationError as error:
        _explain(str(error), body, kind, path, lines, problems)
        return None


def _explain(
    message: str, body: Any, kind: type[Table], path: tuple[str, ...], lines: Lines, problems: Problems
) -> None:
    """A msgspec message in the words of the file; unknown keys are all listed, not only the first."""
    if _UNKNOWN_FIELD.search(message) and "$." not in message:
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
        for key in body:
            if key not in known:
                problems.add(lines.of(*path, key), f"unknown key {key!r}{did_you_mean(key, known)}")
        return
    what, _, where = message.partition(" - at `$")
    keys = re.findall(r"\.([A-Za-z_]\w*)", where)
    unknown = _UNKNOWN_FIELD.search(what)
    if unknown:
        what = f"unknown key {unknown[1]!r}{did_you_mean(unknown[1], _keys(kind, keys))}"
    what = re.sub(r"Object missing required field `([^`]*)`", r'the key "\1" is missing', what)
    span = re.escape(f"Expected `str` matching regex {durations.PATTERN!r}")
    what = re.sub(span, "must be a span of time, such as 90d or 12h", what)
    window = re.escape(f"Expected `str` matching regex {durations.WINDOW!r}")
    if re.search(window, what):
        what = f'must be a span of time, so many rows or "release", such as 7d or "5000 rows"{_near(body, keys)}'
    what = re.sub(r"Expected `str` matching regex .*", f"must be a plain word: {SPELLING}", what)
    what = in_toml(what)
    if what.startswith("Expected "):
        what = "must be" + what.removeprefix("Expected").replace(", got ", ", not ")
    wrong = re.fullmatch(r"Invalid enum value '(.*)'", what)
    if wrong:
        what = f"nothing here is called {wrong[1]!r}{did_you_mean(wrong[1], _choices(kind, keys))}"
    shown = ".".join((*path, *keys))
    problems.add(lines.of(*path, *keys[:1]), f"{shown + ': ' if shown else ''}{what[0].lower() + what[1:]}")


def _near(body: Any, keys: list[str]) -> str:
    """A question where the text at `keys` is nearly the one word that a window may be."""
    from difflib import get_close_matches

    for key in keys:
        body = body[key]
    return did_you_mean(body, [durations.RELEASE]) if get_close_matches(body, [durations.RELEASE]) else ""


def _choices(kind: Any, keys: list[str]) -> list[str]:
    """The words that a key may have."""
    return [word for word in get_args(_below(kind, keys)) if isinstance(word, str)]


def _keys(kind: Any, keys: list[str]) -> list[str]:
    """The keys of the inner table at `keys`."""
    below = _below(kind, keys)
    inner = next((k for k in (below, *get_args(below)) if isinstance(k, type) and issubclass(k, Table)), None)
    return [field.encode_name for field in msgspec.structs.fields(inner)] if inner else []


def _below(kind: Any, keys: list[str]) -> Any:
    """The type at `keys`."""
    for key in keys:
        kind = next((f.type for f in msgspec.structs.fields(kind) if f.encode_name == key), None)
        if not (isinstance(kind, type) and issubclass(kind, Table)):
            break
    return kind


def _check_secrets(spec: ProjectSpec, lines: Lines, problems: Problems) -> None:
    for name, data in spec.data.items():
        if data.source and _has_password(data.source):
            keep = "keep it in PGPASSWORD or ~/.pgpass" if data.source.startswith("postgres") else "leave it out"
            why = "the source holds a password, which would go on record with the file"
            problems.add(lines.of("data", name, "source"), f"{why}; {keep}")


def _check_references(spec: ProjectSpec, lines: Lines, problems: Problems) -> None:
    for name, model in spec.model.items():
        if model.source not in spec.data:
            known = did_you_mean(model.source, spec.data)
            problems.add(lines.of("model", name, "from"), f"no dataset is called {model.source!r}{known}")
    for name, endpoint in spec.endpoint.items():
        for word, section, there in (
            (endpoint.model, "model", list(spec.model)),
            (endpoint.gate, "gate", list(spec.gate)),
        ):
            if word not in there:
                known = did_you_mean(word, there)
                problems.add(lines.of("endpoint", name, section), f"no {section} is called {word!r}{known}")
        reactions.of_endpoint(name, endpoint, spec, lines, problems)
    for name, data in spec.data.items():
        reactions.of_data(name, data, lines, problems)
    for section in ("data", "gate", "endpoint"):
        for name, table in getattr(spec, section).items():
            for text in table.promises:
                sentence(text, lines.of(section, name, "promises", mentioning=text), problems)


def _has_password(source: str) -> bool:
    try:
        return urlsplit(source).password is not None
    except ValueError:
        return False  # no address at all: whoever reads it says what is wrong


def sentence(text: str, where: str, problems: Problems) -> Promise | None:
    """The parsed promise, or None and a problem."""
    try:
        return parse(text)
    except Invalid as error:
        problems.add(where, error)
        return None
