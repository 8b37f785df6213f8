"""
What is old on disk, and its removal, by the letter of "What is old".

A folder goes when it and everything in it were last modified before a moment; a young
folder is not looked into. Links, other file systems, names that begin with a dot and
whatever is neither file nor folder are left alone. Everything is reached through open
folders and looked at again just before it goes, so that a link put in its place meanwhile
leads nowhere.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from uploadsvc.storage.folders import open_folder

_DEEPEST = 50
"""An upload makes one folder; older installations may have more, but no such tower."""


@dataclass(frozen=True)
class Expired:
    """Something that is old; it is gone when removal was asked for."""

    name: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class FromFuture:
    """Something that was modified later than now; it is kept."""

    name: str


@dataclass(frozen=True)
class Stuck:
    """Something old that could not be removed, and why."""

    name: str
    reason: str


Finding = Expired | FromFuture | Stuck


@dataclass(frozen=True)
class Age:
    """What counts as old, in nanoseconds since 1970."""

    now: int
    keep: int

    def is_old(self, modified: int) -> bool:
        return modified < self.now - self.keep

    def is_future(self, modified: int) -> bool:
        # What is uploaded while the cleaner runs, or by a host whose clock is a little
        # ahead, is merely young.
        return modified > self.now + 60 * 10**9


def expire_files(root: Path, age: Age, *, remove: bool) -> Iterator[Finding]:
    """Find the old files directly in `root`; remove them if asked."""
    with open_folder(root, follow=True) as root_fd:
        for name in sorted(os.listdir(root_fd)):
            facts = _look(name, root_fd)
            if facts is None or name.startswith(".") or not stat.S_ISREG(facts.st_mode):
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            elif age.is_old(facts.st_mtime_ns):
                yield from _remove(name, facts.st_size, root_fd, age, remove=remove)


def expire_folders(root: Path, age: Age, *, remove: bool) -> Iterator[Finding]:
    """Find the old folders directly in `root`; remove them if asked."""
    with open_folder(root, follow=True) as root_fd:
        device = os.fstat(root_fd).st_dev
        for name in sorted(os.listdir(root_fd)):
            facts = _look(name, root_fd)
            if facts is None or name.startswith(".") or not stat.S_ISDIR(facts.st_mode):
                continue
            if facts.st_dev != device:
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            elif age.is_old(facts.st_mtime_ns):
                yield from _expire_folder(name, root_fd, age, remove=remove)


def _expire_folder(name: str, parent_fd: int, age: Age, *, remove: bool) -> Iterator[Finding]:
    try:
        with open_folder(name, dir_fd=parent_fd) as fd:
            contents = _Contents()
            _add_up(fd, name, age, contents)
            yield from (FromFuture(each) for each in contents.future)
            if contents.is_young:
                return
            if remove:
                _empty(fd, age)
        if remove and not contents.left_alone:
            os.rmdir(name, dir_fd=parent_fd)
    except FileNotFoundError:
        return
    except OSError as error:
        # Written to since it was looked at: young again, and none of ours to complain of.
        if error.errno != errno.ENOTEMPTY:
            yield Stuck(name, error.strerror or "unknown")
    else:
        # What is left alone in a folder keeps the folder, quietly.
        if contents.files or not contents.left_alone:
            yield Expired(name, contents.size)


@dataclass
class _Contents:
    """What is in a folder, and below."""

    files: int = 0
    size: int = 0
    left_alone: int = 0
    is_young: bool = False
    """Whether anything in it is; the rest was then not looked at any more."""
    future: list[str] = field(default_factory=list)


def _add_up(fd: int, path: str, age: Age, contents: _Contents, depth: int = 0) -> None:
    device = os.fstat(fd).st_dev
    for name in os.listdir(fd):
        facts = _look(name, fd)
        if facts is None:
            continue
        if not age.is_old(facts.st_mtime_ns):
            contents.is_young = True
            if age.is_future(facts.st_mtime_ns):
                contents.future.append(f"{path}/{name}")
        elif stat.S_ISREG(facts.st_mode):
            contents.files += 1
            contents.size += facts.st_size
        elif stat.S_ISDIR(facts.st_mode) and facts.st_dev == device:
            if depth == _DEEPEST:
                raise OSError(errno.ELOOP, "folders in it are nested too deep")
            with open_folder(name, dir_fd=fd) as inner:
                _add_up(inner, f"{path}/{name}", age, contents, depth + 1)
        else:
            contents.left_alone += 1


def _empty(fd: int, age: Age) -> None:
    """Remove the files and folders in a folder; what is left alone keeps its folder."""
    device = os.fstat(fd).st_dev
    for name in os.listdir(fd):
        facts = _look(name, fd)
        # Looked at again: it may have been written since.
        if facts is None or not age.is_old(facts.st_mtime_ns):
            continue
        if stat.S_ISREG(facts.st_mode):
            os.unlink(name, dir_fd=fd)
        elif stat.S_ISDIR(facts.st_mode) and facts.st_dev == device:
            with open_folder(name, dir_fd=fd) as inner:
                _empty(inner, age)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=fd)


def _remove(name: str, size: int, dir_fd: int, age: Age, *, remove: bool) -> Iterator[Finding]:
    try:
        if remove:
            facts = _look(name, dir_fd)
            if facts is None or not age.is_old(facts.st_mtime_ns):
                return
            os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Stuck(name, error.strerror or "unknown")
    else:
        yield Expired(name, size)


def _look(name: str, dir_fd: int) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError):
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    return None
