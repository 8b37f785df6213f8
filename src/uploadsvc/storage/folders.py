"""
Folders held open: what is in one is reached through it, wherever its name leads by then.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@contextlib.contextmanager
def open_folder(
    path: Path | str, *, dir_fd: int | None = None, follow: bool = False
) -> Iterator[int]:
    """
    Have the folder open for the body of the `with`, as a descriptor.

    A link in its place is refused (an OSError), unless `follow` is set: for the roots,
    which an operator may keep on another disk.
    """
    fd = open_fd(path, dir_fd=dir_fd, follow=follow)
    try:
        yield fd
    finally:
        os.close(fd)


def open_fd(path: Path | str, *, dir_fd: int | None = None, follow: bool = False) -> int:
    """Open a folder as `open_folder` does, for whoever closes the descriptor."""
    return os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW, dir_fd=dir_fd)


def sync_folder(path: Path | str) -> None:
    """Make what was created, renamed or removed in a folder last (fsync of the folder)."""
    # Without a context manager, which costs as much as all of this.
    fd = open_fd(path, follow=True)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
