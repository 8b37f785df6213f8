"""
Files that may be made again: where they lie, how much they take, and when one was last used.

A file is used when it is made and when it is read: the later of its change and access times.
Its modification time says nothing of that, since it may be its source's. Names that begin with
a dot, links, other file systems and whatever is not a file are not looked at.
"""

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.storage.folders import open_folder

_BLOCK = 4096
"""Bytes. The least that a file takes of most disks; 600 bytes take no less."""

_CLOSED = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EACCES})

_NOTICED = 3600 * 10**9
"""Nanoseconds. A second use within this time is not marked: once an hour is exact enough."""


@dataclass(frozen=True)
class CacheFolder:
    path: Path
    nested: bool = False
    """Whether the files lie in folders of it, else directly in it."""

    @property
    def name(self) -> str:
        return self.path.name


def parts(folder: CacheFolder) -> Iterator[tuple[str, int]]:
    """
    Yield each folder that holds files of it, open, with its name, in the order of names.

    The name is "" where the files lie directly in it. What cannot be looked into is left out.
    """
    with contextlib.suppress(FileNotFoundError):
        if not folder.nested:
            with opened(folder, "") as fd:
                yield "", fd
            return
        with os.scandir(folder.path) as entries:
            names = [each.name for each in entries if each.is_dir(follow_symlinks=False)]
        for name in sorted(names):
            if not name.startswith("."):
                with contextlib.suppress(FileNotFoundError), opened(folder, name) as fd:
                    yield name, fd


@contextlib.contextmanager
def opened(folder: CacheFolder, part: str) -> Iterator[int]:
    """
    Have the folder open that holds the files of a part, for the body of the `with`.

    Raise FileNotFoundError for a part that is gone, or closed to us, or a link, or of another
    file system.
    """
    with open_folder(folder.path, follow=True) as root_fd, contextlib.ExitStack() as held:
        if not folder.nested:
            yield root_fd
            return
        try:
            fd = held.enter_context(open_folder(part, dir_fd=root_fd))
        except OSError as error:
            if error.errno in _CLOSED:
                raise FileNotFoundError(part) from error
            raise
        if os.fstat(fd).st_dev != os.fstat(root_fd).st_dev:
            raise FileNotFoundError(part)
        yield fd


def files_in(fd: int) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the name and the facts of each file that lies directly in an open folder."""
    device = os.fstat(fd).st_dev
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                continue
            # Gone since it was listed: swept, or evicted by somebody else.
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=False)
                if facts.st_dev == device:
                    yield entry.name, facts


def last_used(facts: os.stat_result) -> int:
    """Return when a file was last used: nanoseconds since 1970."""
    return max(facts.st_atime_ns, facts.st_ctime_ns)


def on_disk(size: int) -> int:
    """Return the bytes that a file of that size takes."""
    return max(1, -(-size // _BLOCK)) * _BLOCK


def mark_used(fd: int, facts: os.stat_result, *, now: Callable[[], int] = time.time_ns) -> None:
    """
    Note that an open file is used, where the file system may not do so by itself.

    `facts` are those of the file; `now` gives nanoseconds since 1970. Cheap where it was used
    within the hour. A use that cannot be noted is not: no harm done.
    """
    moment = now()
    if moment - last_used(facts) > _NOTICED:
        with contextlib.suppress(OSError):
            os.utime(fd, ns=(moment, facts.st_mtime_ns))
