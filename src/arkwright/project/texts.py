"""The user's own files as text."""

from pathlib import Path

from arkwright.core.errors import Invalid


def read(path: Path) -> str:
    """A project file, with or without a byte order mark. Raises Invalid when it may not be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Invalid(f"{path.name} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Invalid(f"{path.name}:{line}: this is not UTF-8; save the file as UTF-8") from None
