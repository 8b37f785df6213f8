"""
Files on their way in: written aside, locked, and shown when they are whole.

A partial's name starts with a prefix that nothing serves. Whoever writes it holds an
exclusive flock on it, which ends with the process however it ends; a partial that can be
locked by somebody else is a left-over. flock is taken on a file opened for writing, which
is what NFS wants, so several hosts may share the directory.
"""

import contextlib
import errno
import fcntl
import os
import secrets
from pathlib import Path

from uploadsvc.errors import NoRoom, Unavailable, UploadsvcError
from uploadsvc.storage.folders import open_folder

PREFIX = ".partial-"
_ATTEMPTS = 5

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_TOO_BUSY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class StorageFailed(UploadsvcError):
    """The disk refused; nothing that the client can change."""

    code = "storage-failed"


class disk_errors:  # noqa: N801  # it is called as a function is
    """
    Turn what the operating system says of the disk into errors of ours, in the body of a `with`.
    """

    # No generator: every few calls of the system are in such a `with`.
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in _NO_SPACE:
            raise NoRoom("there is no room left to store this", retry_after=60) from error
        if error.errno in _TOO_BUSY:
            raise Unavailable("too much is going on at the moment") from error
        # Without its path, which names the folder: a log must not hold links.
        raise StorageFailed("the disk refused this") from OSError(error.errno, error.strerror)


def new_partial() -> str:
    """Return a name for a partial that no other has."""
    return PREFIX + secrets.token_hex(8)


def create(dir_fd: int) -> tuple[str, int]:
    """Create a new locked partial in a folder; return its name and its descriptor."""
    for _ in range(_ATTEMPTS):
        name = new_partial()
        # A cleaner may have seen it before it was locked; then there is another.
        with contextlib.suppress(FileNotFoundError):
            return name, create_locked(name, dir_fd=dir_fd)
    raise FileNotFoundError("no partial could be made")


def create_locked(name: str, *, dir_fd: int, mode: int = 0o600) -> int:
    """
    Create a new file and lock it; return its descriptor, open for reading and writing.

    The umask takes from its `mode`. Raise FileNotFoundError when a cleaner swept it, or its
    folder, in between.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, mode, dir_fd=dir_fd)
    fcntl.flock(fd, fcntl.LOCK_EX)
    if os.fstat(fd).st_nlink == 0:
        os.close(fd)
        raise FileNotFoundError(name)
    return fd


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; a disk may take fewer at a time than it is given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def publish(
    folder: Path, name: str, data: bytes, *, mode: int, modified_ns: int | None = None
) -> None:
    """
    Put a small file into a folder: whole, durable, or not at all.

    Replaces what has that name. `modified_ns` becomes its modification time, in
    nanoseconds since 1970. Raise `NoRoom` or `StorageFailed`.
    """
    with disk_errors(), open_folder(folder, follow=True) as dir_fd:
        _publish(dir_fd, name, data, mode, modified_ns)


def _publish(dir_fd: int, name: str, data: bytes, mode: int, modified_ns: int | None) -> None:
    partial, fd = create(dir_fd)
    try:
        write_all(fd, data)
        os.fchmod(fd, mode)
        if modified_ns is not None:
            os.utime(fd, ns=(modified_ns, modified_ns))
        os.fsync(fd)
        os.rename(partial, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        os.fsync(dir_fd)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=dir_fd)
        raise
    finally:
        os.close(fd)
