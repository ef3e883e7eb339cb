"""Bytes that are not UTF-8, carried through a parser that takes nothing else, and found again behind it.

Such a byte becomes two of Unicode's noncharacters (U+FDD0 to U+FDEF), one for each half; no text may hold those.
"""

import codecs
import io
import re
from typing import Any

MARK = b"\xef\xb7"  # how these noncharacters begin in UTF-8
PATTERN = "[\ufdd0-\ufdef]"
_HIGH, _LOW = 0xFDD0, 0xFDE0
_PAIR = re.compile("([\ufdd0-\ufddf])([\ufde0-\ufdef])")
_HANDLER = "arkwright.escape"


class Escaped(io.RawIOBase):
    """A readable stream of UTF-8, whatever `source` gives."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")(_HANDLER)
        self._carried = False  # the decoder holds the first bytes of a letter
        self._ready = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; nothing at the end only."""
        while not self._ready:
            data = self._source.read(size)
            if data and not self._carried and data.isascii():
                return bytes(data)
            self._ready = self._decoder.decode(data, final=not data).encode()
            self._carried = bool(self._decoder.getstate()[0])
            if not data:
                break
        size = len(self._ready) if size < 0 else size
        given, self._ready = self._ready[:size], self._ready[size:]
        return given


def unescape(text: str) -> str:
    r"""What a person is shown of such a text: `caf\xe9`."""
    return _PAIR.sub(lambda pair: f"\\x{ord(pair[1]) - _HIGH:x}{ord(pair[2]) - _LOW:x}", text)


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    wrong = error.object[error.start : error.end]
    return "".join(chr(_HIGH + (byte >> 4)) + chr(_LOW + (byte & 15)) for byte in wrong), error.end


codecs.register_error(_HANDLER, _escape)
