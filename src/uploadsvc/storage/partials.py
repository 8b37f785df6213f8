"""
Files on their way in: written aside, locked, and swept when nobody writes them any more.

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
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.errors import NoRoom, Unavailable, UploadsvcError

PREFIX = ".partial-"

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_TOO_BUSY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


class StorageFailed(UploadsvcError):
    """The disk refused; nothing that the client can change."""

    code = "storage-failed"


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the operating system says of the disk into errors of ours."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise NoRoom("there is no room left to store this", retry_after=60) from error
        if error.errno in _TOO_BUSY:
            raise Unavailable("too much is going on at the moment") from error
        raise StorageFailed("this could not be stored") from error


def new_partial() -> str:
    """Return a name for a partial that no other has."""
    return PREFIX + secrets.token_hex(8)


def create_locked(name: str, *, dir_fd: int) -> int:
    """
    Create a new file and lock it; return its descriptor, open for reading and writing.

    Raise FileNotFoundError when a cleaner swept it, or its folder, in between.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=dir_fd)
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


def sync_folder(path: Path | str, *, dir_fd: int | None = None) -> None:
    """Make what was created, renamed or removed in a folder last (fsync of the folder)."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def publish(
    folder: Path, name: str, data: bytes, *, mode: int, modified_ns: int | None = None
) -> None:
    """
    Put a small file into a folder: whole, durable, or not at all.

    Replaces what has that name. `modified_ns` becomes its modification time, in
    nanoseconds since 1970. Raise `NoRoom` or `StorageFailed`.
    """
    with disk_errors():
        dir_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _publish(dir_fd, name, data, mode, modified_ns)
        finally:
            os.close(dir_fd)


def _publish(dir_fd: int, name: str, data: bytes, mode: int, modified_ns: int | None) -> None:
    partial = new_partial()
    fd = create_locked(partial, dir_fd=dir_fd)
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


@dataclass(frozen=True)
class LeftOver:
    """A partial that nobody writes any more."""

    name: str
    stuck: str = ""
    """Why it could not be removed, or even looked at; empty when all went well."""


def left_over(root: Path, *, remove: bool) -> Iterator[LeftOver]:
    """Yield the partials in `root` that nobody writes; remove them if asked."""
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in sorted(os.listdir(root_fd)):
            if not name.startswith(PREFIX):
                continue
            try:
                if _is_left_over(name, root_fd, remove=remove):
                    yield LeftOver(name)
            except OSError as error:
                # Another user's, say, from a day when the service ran as root.
                yield LeftOver(name, stuck=error.strerror or "unknown")
    finally:
        os.close(root_fd)


def _is_left_over(name: str, root_fd: int, *, remove: bool) -> bool:
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(name, dir_fd=root_fd, follow_symlinks=False).st_mode
        if stat.S_ISREG(mode):
            return _take_file(name, root_fd, remove=remove)
        if stat.S_ISDIR(mode):
            return _take_folder(name, root_fd, remove=remove)
    return False


def _take_file(name: str, dir_fd: int, *, remove: bool, folder: "_Folder | None" = None) -> bool:
    fd = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It may have been published, or its name given to another, while the lock was had.
        if not _is_at(name, dir_fd, fd) or (folder and not folder.is_in_place()):
            return False
        # Still held while it is unlinked: a writer that gets the lock next sees no link.
        if remove:
            os.unlink(name, dir_fd=dir_fd)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


@dataclass(frozen=True)
class _Folder:
    name: str
    root_fd: int
    fd: int

    def is_in_place(self) -> bool:
        return _is_at(self.name, self.root_fd, self.fd)


def _take_folder(name: str, root_fd: int, *, remove: bool) -> bool:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    folder = _Folder(name, root_fd, os.open(name, flags, dir_fd=root_fd))
    try:
        for inner in os.listdir(folder.fd):
            if not _take_file(inner, folder.fd, remove=remove, folder=folder):
                return False
    finally:
        os.close(folder.fd)
    if remove:
        try:
            os.rmdir(name, dir_fd=root_fd)
        except OSError:
            # An upload has just begun in it: not a left-over after all.
            return False
    return True


def _is_at(name: str, dir_fd: int, fd: int) -> bool:
    """Whether the open file or folder is still the one that has this name."""
    return os.path.samestat(os.stat(name, dir_fd=dir_fd, follow_symlinks=False), os.fstat(fd))
