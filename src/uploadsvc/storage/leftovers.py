"""
What uploads and previews that came to no end left behind, and its removal.

A partial that can be locked is written by nobody any more. It may still have been
published, or swept by somebody else, a moment ago: so it is looked at again while the
lock is held, and only what is still in its place goes.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from uploadsvc.storage.cached import CacheFolder, parts
from uploadsvc.storage.expiry import Stuck
from uploadsvc.storage.folders import open_folder
from uploadsvc.storage.partials import PREFIX


@dataclass(frozen=True)
class LeftOver:
    """A partial that nobody writes any more; it is gone when removal was asked for."""

    name: str


def left_over(
    root: Path, *, among: Iterable[str] | None = None, remove: bool
) -> Iterator[LeftOver | Stuck]:
    """
    Find the partials in `root` that nobody writes; remove them if asked.

    `among` are the names of what is in it, where somebody listed them already.
    """
    with open_folder(root, follow=True) as root_fd:
        names = os.listdir(root_fd) if among is None else among
        yield from _left_over_in(root_fd, names, remove=remove)


def left_over_below(root: Path, *, remove: bool) -> Iterator[LeftOver | Stuck]:
    """
    Find the partials in the folders of `root` that nobody writes; remove them if asked.

    No link is followed, and no other file system entered.
    """
    for part, fd in parts(CacheFolder(root, nested=True)):
        for found in _left_over_in(fd, os.listdir(fd), remove=remove):
            yield replace(found, name=f"{part}/{found.name}")


def _left_over_in(fd: int, names: Iterable[str], *, remove: bool) -> Iterator[LeftOver | Stuck]:
    for name in sorted(each for each in names if each.startswith(PREFIX)):
        try:
            if _is_left_over(name, fd, remove=remove):
                yield LeftOver(name)
        except OSError as error:
            # Another user's, say, from a day when the service ran as root.
            yield Stuck(name, error.strerror or "unknown")


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
    with open_folder(name, dir_fd=root_fd) as fd:
        folder = _Folder(name, root_fd, fd)
        for inner in os.listdir(fd):
            if not stat.S_ISREG(os.stat(inner, dir_fd=fd, follow_symlinks=False).st_mode):
                # Nothing that an upload makes: left alone, and its folder with it.
                return False
            if not _take_file(inner, fd, remove=remove, folder=folder):
                return False
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
