"""
One at a time, among threads, processes and hosts that share a directory.

A lock is a file under flock. One that is needed once is named like a partial, so that the
cleaner sweeps it when a killed process leaves it; its holder removes it when done.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from uploadsvc.errors import Unavailable
from uploadsvc.storage.partials import PREFIX, disk_errors

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.05


@contextlib.contextmanager
def exclusive(folder: Path, name: str, *, patience: float) -> Iterator[None]:
    """
    Hold the lock `name` of `folder` for the body of the `with`.

    Raise `Unavailable` when somebody else holds it for more than `patience` seconds.
    """
    path = folder / f"{PREFIX}lock-{name}"
    deadline = time.monotonic() + patience
    pause = _FIRST_PAUSE
    while (fd := _try(path)) is None:
        if time.monotonic() > deadline:
            raise Unavailable("this is being made already; try again in a moment")
        # flock knows no time limit, so it is asked again and again.
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    try:
        yield
    finally:
        try:
            # What the disk does not let go is the cleaner's.
            with contextlib.suppress(OSError):
                path.unlink()
        finally:
            os.close(fd)


@contextlib.contextmanager
def one_of_all(path: Path) -> Iterator[bool]:
    """
    Hold the lock file for the body of the `with`, and say True; False if somebody else does.

    It stays when it is done. Where a full disk has no room for it, everybody is told True:
    what is done under it must be spared by it, not made safe.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError:
        fd = None
    if fd is None:
        yield True
        return
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_mine = False
        else:
            is_mine = True
        yield is_mine
    finally:
        os.close(fd)


def _try(path: Path) -> int | None:
    with disk_errors():
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        is_mine = False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # If the former holder has removed it, a lock on it keeps nobody out.
            is_mine = os.fstat(fd).st_nlink > 0
        except BlockingIOError:
            pass
        finally:
            if not is_mine:
                os.close(fd)
    return fd if is_mine else None
