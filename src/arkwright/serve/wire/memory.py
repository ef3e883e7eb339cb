"""Memory that large bodies leave behind."""

import ctypes


def give_back() -> None:
    """Have the allocator give free memory back to the system, where it can: glibc's keeps what lies below anything that
    is still used, which may be all of a body of 64 MiB.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another allocator
