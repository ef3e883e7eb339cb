"""An e-mail address that every mail server takes: one, in plain letters, with nothing around it."""

import re

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")


def is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None
