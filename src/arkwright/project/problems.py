"""Every mistake is collected, so that one look shows them all, each with file and line."""

import re
from pathlib import Path

from arkwright.core.errors import ArkwrightError, Invalid

_PLACED = re.compile(r"[\w.-]+\.(py|sql|toml):\d+")  # it says itself where, and knows better


class Problems:
    """Mistakes found while loading; `raise_if_any` reports them together, one line each."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, where: str, what: str | ArkwrightError) -> None:
        line = str(what) if _PLACED.match(str(what)) else f"{where}: {what}"
        if line not in self.lines:
            self.lines.append(line)

    def raise_if_any(self) -> None:
        if self.lines:
            raise Invalid("\n".join(self.lines[:40]))


class Lines:
    """Where a key stands in a TOML file, which `tomllib` does not say."""

    def __init__(self, path: Path, text: str) -> None:
        self.name = path.name
        self.text = text.splitlines()

    def of(self, *path: str, mentioning: str = "") -> str:
        """`arkwright.toml:12` for the key at `path`, or for the first line below it that mentions a text."""
        table, key = path[:-1], path[-1] if path else ""
        start = self._header(path)
        if start is None:
            header = self._header(table)
            start = self._below(header if header is not None else 0, rf'\s*"?{re.escape(key)}"?\s*=') if path else 0
            start = start if start is not None else header
        if start is None:
            return self.name
        if mentioning:
            start = next((n for n in range(start, len(self.text)) if mentioning in self.text[n]), start)
        return f"{self.name}:{start + 1}"

    def _header(self, path: tuple[str, ...]) -> int | None:
        if not path:
            return 0
        wanted = re.compile(r"\s*\[{1,2}\s*" + r"\s*\.\s*".join(rf'"?{re.escape(word)}"?' for word in path) + r"\s*\]")
        return next((n for n, line in enumerate(self.text) if wanted.match(line)), None)

    def _below(self, header: int, pattern: str) -> int | None:
        for n in range(header, len(self.text)):
            if n > header and re.match(r"\s*\[[^\]=]*\]\s*(#.*)?$", self.text[n]) and header > 0:
                return None
            if re.match(pattern, self.text[n]):
                return n
        return None
