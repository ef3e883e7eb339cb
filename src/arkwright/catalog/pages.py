"""Lists in pages: each says where the next one begins, so that a page costs the same wherever it stands."""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from arkwright.core.bounds import Between
from arkwright.core.errors import Invalid

T = TypeVar("T")
SIZES = Between(1, 500)
Size = Annotated[int, SIZES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """A part of a list. `next`: what to give as `after` for the part that follows; None at the end."""

    items: tuple[T, ...]
    next: str | None = None


def cursor(*place: str | float) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place(text: str, *types: type) -> tuple[Any, ...]:
    """What `cursor` was made of. Raises Invalid."""
    try:
        raw = base64.b64decode(text[:2000] + "=" * (-len(text[:2000]) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[types])  # type: ignore[valid-type]
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise Invalid(f"{text[:40]!r} is no place in this list; take `next` as the page before gave it") from None


def size(limit: int) -> int:
    """Raises Invalid for a page that has no size."""
    SIZES.check("limit", limit)
    return limit
