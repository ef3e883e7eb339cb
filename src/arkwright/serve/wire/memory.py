"""Memory that large bodies leave behind."""

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of mallopt


def in_one_place() -> None:
    """Have the allocator take the memory of all threads from one place: of what each thread has for itself, glibc's
    gives nothing back, which may be 64 MiB. Few threads work at once here.
    """
    try:
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
    except (AttributeError, OSError, TypeError):
        return  # another allocator


def give_back() -> None:
    """Have the allocator give free memory back to the system, where it can: glibc's keeps what lies below anything that
    is still used, which may be all of a body of 64 MiB.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another allocator
