"""Whether it was the machine that could not, since nothing of what a process needs was left: no fault of a release."""

import errno
import os

from arkwright.core.errors import ArkwrightError
from arkwright.core.usercode import describe

_SPENT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_WORDS = ("can't start new thread", os.strerror(errno.EAGAIN))  # of Python, and of a library that finds no thread
_CHAIN = 8  # errors that came of one another


def starved(error: BaseException) -> bool:
    """Whether that is what this error came of: no thread, file or memory was left. A lock that somebody else holds, for
    which the system has the same words as for a thread too many, is an error as any other.
    """
    one: BaseException | None = error
    for _ in range(_CHAIN):
        if one is None:
            return False
        if _says_so(one):
            return True
        one = one.__cause__ or one.__context__
    return False


def _says_so(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in _SPENT
    if isinstance(error, MemoryError | KeyboardInterrupt):  # OpenBLAS interrupts whom it finds no thread for
        return True
    ours = isinstance(error, ArkwrightError)  # which repeats what it came of
    return not ours and any(words in describe(error) for words in _WORDS)
