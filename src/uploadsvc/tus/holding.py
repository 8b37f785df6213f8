"""
One request at a time has an upload: among threads, processes and hosts.

The lock is flock on the record of the upload, which ends with whoever holds it. Who comes
second asks the holder to let go and waits a little; a client that is gone cannot keep
another one out. A record is replaced while it is held, so that the lock goes over to the new
one before its name does.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from uploadsvc.errors import Conflict, Missing
from uploadsvc.storage import partials
from uploadsvc.storage.folders import open_folder
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tus.asking import Asking
from uploadsvc.tus.record import Record, store_offset

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.05


class Locked(Conflict):
    code = "locked"


class Held:
    """A record that nobody else changes."""

    def __init__(self, path: Path, fd: int) -> None:
        self._path = path
        self._fd = fd
        self.record = Record.read(fd)

    @property
    def changed_ns(self) -> int:
        """When it was last changed: nanoseconds since 1970."""
        return os.fstat(self._fd).st_mtime_ns

    def touch(self) -> None:
        """Let it be changed now: its time begins anew."""
        with disk_errors():
            os.utime(self._fd)

    def count(self, offset: int) -> None:
        """Let the record count this many bytes, for good."""
        store_offset(self._fd, offset)
        self.record = replace(self.record, upload=replace(self.record.upload, offset=offset))

    def replace(self, record: Record) -> None:
        """Put another record in its place, for good."""
        with disk_errors():
            fd = write_record(self._path, record)
        self._fd, old = fd, self._fd
        os.close(old)
        self.record = record

    def remove(self) -> None:
        """Remove the record: the upload is not there any more."""
        with disk_errors():
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._fd)


def write_record(path: Path, record: Record, *, is_first: bool = False) -> int:
    """
    Write a record for good; return its file, open and locked. Raises OSError.

    The first one of an upload is written in its place: until it is whole nobody knows its ID.
    """
    folder, _, final = str(path).rpartition("/")
    with open_folder(folder, follow=True) as dir_fd:
        if is_first:
            name, fd = final, partials.create_locked(final, dir_fd=dir_fd)
        else:
            name, fd = partials.create(dir_fd)
        try:
            partials.write_all(fd, record.encoded())
            os.fsync(fd)
            if not is_first:
                os.rename(name, final, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
            os.fsync(dir_fd)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=dir_fd)
            raise
    return fd


@contextlib.contextmanager
def held(path: Path, *, asking: Asking, patience: float) -> Iterator[Held]:
    """
    Hold a record for the body of the `with`; ask whoever has it to let go.

    Raise `Missing` when there is none, `Locked` when it is not let go in `patience` seconds.
    """
    name = path.stem
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    was_asked = False
    try:
        while (fd := try_hold(path)) is None:
            if time.monotonic() > deadline:
                raise Locked("another request is at this upload")
            asking.ask(name)
            was_asked = True
            # flock knows no time limit, so it is asked again and again.
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    finally:
        if was_asked:
            asking.withdraw(name)
    mine = _opened(path, fd)
    try:
        yield mine
    finally:
        mine.close()


@contextlib.contextmanager
def held_if_free(path: Path) -> Iterator[Held | None]:
    """Hold a record for the body of the `with` if nobody has it; else give None."""
    fd = try_hold(path)
    if fd is None:
        yield None
        return
    mine = _opened(path, fd)
    try:
        yield mine
    finally:
        mine.close()


def _opened(path: Path, fd: int) -> Held:
    try:
        return Held(path, fd)
    except BaseException:
        os.close(fd)
        raise


def try_hold(path: Path) -> int | None:
    """Return the record's file, locked; None when somebody else has it. Raise `Missing`."""
    with disk_errors():
        try:
            fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise Missing("there is no such upload") from error
        is_mine = False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # If it was replaced or removed meanwhile, a lock on it keeps nobody out.
            is_mine = _is_at(path, fd)
        except BlockingIOError:
            pass
        finally:
            if not is_mine:
                os.close(fd)
    return fd if is_mine else None


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False
