"""
The folder aside, in which an upload becomes whole before it is shown.

It holds the file under its final name, locked against the cleaner. One rename then shows
folder and file at once: there is no moment at which half of it can be seen. A file that is on
the disk already is given a second name here instead of being written again.

Each call into the system lets other threads in and has to wait for its turn afterwards, which
costs more than most of the calls themselves. So nothing is set that is right already, and
the folder is opened once. Paths are put together as text: a `Path` costs as much as a call.
"""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.errors import Conflict
from uploadsvc.storage import CannotAdopt, partials
from uploadsvc.storage.folders import open_fd, sync_folder

_ATTEMPTS = 20
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})

SHORT_LIVED = stat.S_ISVTX
"""The mode bit of a file whose life is shorter than others': without meaning for files on
Linux, so that it can say this, and says it in the same moment in which the file is shown."""

_AT_ONCE_NS = 1_000_000_000
"""A file that was written so many nanoseconds ago begins its life now: headers tell whole
seconds, and lives are counted in them."""


@dataclass(frozen=True)
class Modes:
    file: int
    folder: int


@dataclass(frozen=True)
class Aside:
    root: str
    path: str
    """Of the folder, as long as it is aside."""
    name: str
    fd: int
    """The file, open and locked."""
    folder_fd: int
    modes: Modes

    def commit(
        self, folders: Callable[[], str], *, named: str | None, aged_ns: int
    ) -> tuple[str, os.stat_result]:
        """
        Make the file durable and show it; return its folder and its facts.

        The folder is called `named`, or what `folders` gives until one is free. The file
        counts `aged_ns` nanoseconds older than it is. Raise `Conflict` where there is one
        `named` already; what raises has undone it all.
        """
        facts = self._date(aged_ns)
        # Before the file is synced: many file systems then write both at once.
        os.fchmod(self.folder_fd, self.modes.folder)
        os.fsync(self.fd)
        os.fsync(self.folder_fd)
        folder = self._rename(folders, named)
        try:
            sync_folder(self.root)
        except BaseException:
            # Whether the rename will last is unknown: the client must not be told that it does.
            _undo(f"{self.root}/{folder}", self.name)
            raise
        return folder, facts

    def _date(self, aged_ns: int) -> os.stat_result:
        """Give the file its mode, and the time that it begins at; return its facts."""
        facts = os.fstat(self.fd)
        mode = self.modes.file | (SHORT_LIVED if aged_ns else 0)
        begin = time.time_ns() - aged_ns
        is_marked = stat.S_IMODE(facts.st_mode) == mode
        is_dated = not aged_ns and abs(facts.st_mtime_ns - begin) < _AT_ONCE_NS
        if is_marked and is_dated:
            return facts
        # The umask may have taken from the mode, a link has that of its file.
        os.fchmod(self.fd, mode)
        # Its time begins now, however long ago the client sent the last of it.
        os.utime(self.fd, ns=(begin, begin))
        if aged_ns:
            os.utime(self.folder_fd, ns=(begin, begin))
        return os.fstat(self.fd)

    def _rename(self, folders: Callable[[], str], named: str | None) -> str:
        for _ in range(_ATTEMPTS):
            folder = named or folders()
            try:
                # Fails when a folder with anything in it is there; never replaces a file.
                os.rename(self.path, f"{self.root}/{folder}")
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise
            else:
                return folder
            if named:
                raise Conflict("there is a file in that folder already")
        raise FileExistsError("no free folder name was found")


def new_file(root: Path, name: str, modes: Modes) -> AbstractContextManager[Aside]:
    """Have a new empty file aside for the body of the `with`; gone where the body raises."""

    def create(dir_fd: int) -> int:
        # Its mode opens it to nobody yet, since the folder is closed. Whoever sweeps it opens it
        # for writing.
        return partials.create_locked(name, dir_fd=dir_fd, mode=modes.file | 0o600)

    return _aside(str(root), name, modes, create)


@contextlib.contextmanager
def linked_file(root: Path, name: str, modes: Modes, file: Path) -> Iterator[Aside]:
    """
    Have a file of the same file system aside, by a second name, for the body of the `with`.

    Where the body raises only the second name goes. Raise `CannotAdopt` where the file system
    gives no second names, or not to a file of another one.
    """
    fd = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        # Where somebody holds it, it is whoever gives it to us: locked it is either way.
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

        def link(dir_fd: int) -> int:
            try:
                os.link(file, name, dst_dir_fd=dir_fd, follow_symlinks=False)
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise CannotAdopt("the file cannot have a second name here") from error
                raise
            return os.dup(fd)

        with _aside(str(root), name, modes, link) as aside:
            yield aside
    finally:
        os.close(fd)


@contextlib.contextmanager
def _aside(root: str, name: str, modes: Modes, put: Callable[[int], int]) -> Iterator[Aside]:
    with partials.disk_errors():
        path, fd, folder_fd = _begin(root, put)
    try:
        yield Aside(root, path, name, fd, folder_fd, modes)
    except BaseException:
        _undo(path, name)
        raise
    finally:
        os.close(fd)
        os.close(folder_fd)


def _begin(root: str, put: Callable[[int], int]) -> tuple[str, int, int]:
    for _ in range(_ATTEMPTS):
        path = f"{root}/{partials.new_partial()}"
        # Closed to others, the web server among them, until it is whole.
        os.mkdir(path, 0o700)
        try:
            return path, *_put(path, put)
        except FileNotFoundError:
            # A cleaner saw the folder before the file was locked in it.
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(path)
            continue
        except BaseException:
            os.rmdir(path)
            raise
    raise FileNotFoundError("no folder could be made for the upload")


def _put(folder: str, put: Callable[[int], int]) -> tuple[int, int]:
    folder_fd = open_fd(folder)
    try:
        return put(folder_fd), folder_fd
    except BaseException:
        os.close(folder_fd)
        raise


def _undo(folder: str, name: str) -> None:
    # What the disk does not let go is the cleaner's; the first error is the one to tell.
    with contextlib.suppress(OSError):
        os.unlink(f"{folder}/{name}")
    with contextlib.suppress(OSError):
        os.rmdir(folder)
