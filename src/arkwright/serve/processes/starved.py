"""Whether it was the machine that could not, since nothing of what a process needs was left: no fault of a release."""

import errno
import os

_SPENT = {errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # EAGAIN: of processes and threads
_WORDS = ("can't start new thread", os.strerror(errno.EAGAIN))  # of Python, and of what is not written in it


def starved(error: BaseException | None) -> bool:
    """Whether that is what this error came of, however it is told: no thread, process, file or memory was left."""
    while error:
        if isinstance(error, OSError) and error.errno in _SPENT:
            return True
        if any(words in str(error) for words in _WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
