"""
How old something on disk is: by its own modification time, never by a link's target.
"""

import os
from dataclasses import dataclass

_TOLERATED = 60 * 10**9
"""What is uploaded while the cleaner runs, or by a host whose clock is a little ahead, is
merely young: nanoseconds."""


@dataclass(frozen=True)
class Age:
    """What counts as old, in nanoseconds since 1970."""

    now: int
    keep: int

    def is_old(self, modified: int) -> bool:
        return modified < self.now - self.keep

    def is_future(self, modified: int) -> bool:
        return modified > self.now + _TOLERATED


def look(name: str, dir_fd: int) -> os.stat_result | None:
    """Return the facts of what has this name in an open folder; None if nothing has it."""
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
