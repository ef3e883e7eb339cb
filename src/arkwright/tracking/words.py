"""What may name things here, and how long it may be: MLflow's limits, and no name that reads as a path."""

import posixpath
import re
import time
import unicodedata
import uuid

from arkwright.core.errors import Invalid

KEY, PARAM, TAG, EXPERIMENT, MODEL_TAG = 250, 6000, 8000, 500, 100_000  # characters
EXPERIMENT_TAG, MODELS = 20_000, 1_000_000
MODEL = 256  # characters of the name of a registered model
SCHEME = "mlflow-artifacts:/"  # before the place of files that are kept here
UID = re.compile(r"[a-zA-Z0-9][\w-]{0,255}", re.ASCII)
_KEY = re.compile(r"[/\w.\- :]+")
_DEEPEST, _LONGEST = 64, 1024


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def fresh() -> str:
    return uuid.uuid4().hex


def key(text: str, what: str) -> str:
    """The name of a metric, a parameter or a tag. Raises Invalid."""
    if not text or not _KEY.fullmatch(text):
        raise Invalid(
            f"invalid {what} name {text[:80]!r}: letters, digits, underscores, dashes, periods, spaces, colons, slashes"
        )
    if len(text) > KEY:
        raise Invalid(f"the {what} name {text[:40]!r} … exceeds the maximum length of {KEY} characters")
    if posixpath.normpath(text) != text or text.startswith(("..", "/")) or text == ".":
        raise Invalid(f"invalid {what} name {text[:80]!r}: as a path it would lead elsewhere")
    return text


def text(value: str, most: int, what: str) -> str:
    """Raises Invalid when it is longer than `most` characters."""
    if len(value) > most:
        raise Invalid(f"{what} exceeds the maximum length of {most} characters ({len(value)} were given)")
    return value


def uid(value: str, what: str) -> str:
    """An id as we hand them out. Raises Invalid."""
    if not UID.fullmatch(value):
        raise Invalid(f"invalid {what} {value[:80]!r}")
    return value


def path(value: str) -> str:
    """A file's place among artifacts: plain relative names between single slashes. Raises Invalid for anything else."""
    parts = value.split("/")
    bad = (
        not value
        or len(value.encode("utf-8", "surrogatepass")) > _LONGEST
        or len(parts) > _DEEPEST
        or any(_bad_part(part) for part in parts)
    )
    if bad:
        raise Invalid(f"invalid path {value[:80]!r}: plain names between slashes, no '..', no backslash, not absolute")
    return value


def _bad_part(part: str) -> bool:
    plain = unicodedata.normalize("NFKC", part)
    return (
        part in ("", ".", "..")
        or len(part.encode("utf-8", "surrogatepass")) > 255
        or part != part.strip()
        or part.endswith(".")
        or any(ord(c) < 32 or ord(c) == 127 or 0xD800 <= ord(c) < 0xE000 for c in part)
        or any(c in '\\:%#?;<>|"*' for c in part)
        or any(c in "/\\" or plain in (".", "..") for c in plain)
        or ("..") in plain
        or "\u2215" in part
        or "\ufffd" in part
    )


def model_name(value: str) -> str:
    """Raises Invalid for what MLflow refuses too, and for control characters and half characters."""
    said = value[:80]
    if not value.strip():
        raise Invalid("a model needs a name")
    if any(c in value for c in "/:"):
        raise Invalid(f"invalid model name {said!r}: it cannot contain '/' or ':'")
    if value == "." or value.startswith(".."):
        raise Invalid(f"invalid model name {said!r}: as a path it would lead elsewhere")
    if len(value) > MODEL:
        raise Invalid(f"the model name {value[:40]!r} … exceeds the maximum length of {MODEL} characters")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in value):
        raise Invalid(f"invalid model name {said!r}: it cannot contain control characters")
    return value


def alias(value: str) -> str:
    """Raises Invalid."""
    if not re.fullmatch(r"[\w-]{1,255}", value) or value.lower() == "latest" or re.fullmatch(r"[vV]\d+", value):
        raise Invalid(f"invalid alias {value[:80]!r}: letters, digits, _ and -; not 'latest', not a version like v1")
    return value
