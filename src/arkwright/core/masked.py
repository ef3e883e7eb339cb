"""Text that is kept or shown to others without the secrets that a program let slip into it."""

import os
import re
from collections.abc import Mapping

_PASSWORD = re.compile(r"(?P<before>\b[a-zA-Z][\w+.-]*://[^\s/@:]*:)[^\s/@]+(?=@)")
_SECRET = re.compile(r"PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|KEY|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 8  # characters: what is shorter stands in too many texts by accident
HIDDEN = "•••"


def masked(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text without passwords in addresses, and without what stands in variables whose names say that it is secret.

    `environment`: by default this process's.
    """
    given = os.environ if environment is None else environment
    secrets = {
        line.strip()
        for name, value in given.items()
        if _SECRET.search(name)
        for line in value.splitlines()
        if len(line.strip()) >= _SHORTEST
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _PASSWORD.sub(rf"\g<before>{HIDDEN}", text)
