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
    flags = _FLAGS if follow else _FLAGS | os.O_NOFOLLOW
    fd = os.open(path, flags, dir_fd=dir_fd)
    try:
        yield fd
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Make what was created, renamed or removed in a folder last (fsync of the folder)."""
    with open_folder(path, follow=True) as fd:
        os.fsync(fd)
