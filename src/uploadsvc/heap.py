"""
What a process does with memory that it has given back: keeps some of it for the next time.
"""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed(*, largest: int, at_most: int) -> None:
    """
    Have this process, and those forked from it, keep freed memory instead of giving it back.

    Each piece of up to `largest` bytes is kept, and `at_most` bytes of them in all, for each
    of the allocator's arenas: as far as the system's C library can be told to (glibc). Asking
    for memory anew, a page at a time, takes longer than what it is mostly used for here.
    """
    with contextlib.suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, largest)
        mallopt(_M_TRIM_THRESHOLD, at_most)
