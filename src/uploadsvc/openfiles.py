"""
How many files may be open at once: every client is one, and most of them have another.
"""

import resource

from uploadsvc.errors import UploadsvcError

_PER_THREAD = 3
"""A file of an upload or a download, or a source, its connection and a lock."""

_BESIDES = 200
"""Decoders, logs, and what is open for a moment."""


class TooFewOpenFiles(UploadsvcError):
    code = "too-few-open-files"


def connections(threads: int) -> int:
    """Return how many clients may be connected: those that are answered, and as many again."""
    return max(1000, 2 * threads)


def allow_open_files(threads: int) -> int:
    """
    Raise the soft limit to what so many threads need, and return what is allowed.

    Raise `TooFewOpenFiles`, with all that is allowed made use of, where that is less.
    """
    needed = connections(threads) + threads * _PER_THREAD + _BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = needed if unlimited else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < needed:
        raise TooFewOpenFiles(
            f"only {hard} files may be open at once, {threads} threads need {needed}: raise the "
            "limit (LimitNOFILE, ulimit -Hn), or lower `threads`"
        )
    return wanted
