"""
Makes one file of several: without copying a byte where the file system can share them.
"""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from uploadsvc.storage import partials

_AT_ONCE = 1 << 26
_PIECE = 1 << 20
_CANNOT = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


def join_files(parts: Sequence[Path], into: Path, *, check_room: Callable[[int], None]) -> int:
    """
    Write the parts, one behind the other, into a new file; return its size.

    It is on disk for good when this returns, and not there when it raises: OSError
    (FileNotFoundError for a part that is not there), and what `check_room` does, which is called
    with what is still to come before each piece.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(into, flags, 0o600)
    try:
        for part in parts:
            with part.open("rb") as source:
                _append(source.fileno(), fd, check_room)
        os.fsync(fd)
        return os.fstat(fd).st_size
    except BaseException:
        into.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)


def _append(source: int, fd: int, check_room: Callable[[int], None]) -> None:
    left = os.fstat(source).st_size
    can_share = True
    while left > 0:
        check_room(min(left, _AT_ONCE))
        copied = _share(source, fd, min(left, _AT_ONCE)) if can_share else None
        if copied is None:
            can_share = False
            data = os.read(source, _PIECE)
            partials.write_all(fd, data)
            copied = len(data)
        if not copied:
            raise OSError(errno.EIO, "a part became shorter while it was copied")
        left -= copied


def _share(source: int, fd: int, size: int) -> int | None:
    """Have the system copy, or share blocks; return how much it did, None when it cannot."""
    try:
        return os.copy_file_range(source, fd, size)
    except OSError as error:
        if error.errno in _CANNOT:
            return None
        raise
