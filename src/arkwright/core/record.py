"""How nouns become bytes: canonical JSON, digests, references, and the seal that chains the ledger."""

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arkwright.core.errors import Corrupt, Invalid

T = TypeVar("T")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
SPELLING = "use letters, digits, _ and -, at most 64, not a digit first"
_REFERENCE = re.compile(rf"(?:(?P<kind>[a-z]+):)?(?P<name>{NAME.pattern})(?:@(?P<version>[1-9][0-9]{{0,8}}))?")
GENESIS = "0" * 64


def encode(noun: object) -> str:
    """Canonical JSON: sorted keys, no white space, so equal nouns have equal bytes."""
    return msgspec.json.encode(noun, order="sorted").decode()


def decode(kind: type[T], body: str | bytes) -> T:
    """The noun again. Raises Corrupt when the bytes do not spell one."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise Corrupt(f"a stored {kind.__name__.lower()} cannot be read back: {error}") from None


def digest_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """Digest of anything JSON can say; the same value has the same digest."""
    return digest_bytes(encode(value).encode())


def now() -> str:
    """UTC, to the millisecond. For people to read: order comes from `seq`, never from the clock."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def seal(previous: str, seq: int, at: str, by: str, kind: str, key: str, body: str) -> str:
    """Each event's seal covers the one before, so no earlier line can be changed unseen."""
    return digest_bytes(msgspec.json.encode([previous, seq, at, by, kind, key, body]))


def _one(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def valid_name(name: str, what: str) -> str:
    """Names become keys, paths and SQL identifiers, so they are plain words."""
    if not NAME.fullmatch(name):
        raise Invalid(f"{name[:80]!r} cannot name {_one(what)}: {SPELLING}")
    return name


def split_reference(text: str, kind: str) -> tuple[str, int | None]:
    """`model:late@7` -> ("late", 7); the kind may be left out, and so may the version (the latest)."""
    match = _REFERENCE.fullmatch(text)
    if not match or (match["kind"] or kind) != kind:
        raise Invalid(f"{text[:80]!r} is not {_one(kind)}; write it like {kind}:name@7, name@7 or name")
    return match["name"], int(match["version"]) if match["version"] else None
