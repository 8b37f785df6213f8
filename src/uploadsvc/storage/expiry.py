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
from collections.abc import Iterable, Iterator
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


def expire_files(
    root: Path, age: Age, *, remove: bool, among: Iterable[str] | None = None
) -> Iterator[Finding]:
    """
    Find the old files directly in `root`, in the order of their names; remove them if asked.

    `among` are the names of what is in it, where they are known already.
    """
    with open_folder(root, follow=True) as root_fd:
        names = os.listdir(root_fd) if among is None else among
        for name, facts in _not_young(names, root_fd, age):
            if not stat.S_ISREG(facts.st_mode):
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            else:
                yield from _remove(name, facts.st_size, root_fd, age, remove=remove)


def expire_folders(
    root: Path, age: Age, *, remove: bool, among: Iterable[str] | None = None
) -> Iterator[Finding]:
    """
    Find the old folders directly in `root`, in the order of their names; remove them if asked.

    `among` are the names of what is in it, where they are known already. Of a young folder
    nothing but the folder itself is looked at, and that once.
    """
    with open_folder(root, follow=True) as root_fd:
        device = os.fstat(root_fd).st_dev
        names = os.listdir(root_fd) if among is None else among
        for name, facts in _not_young(names, root_fd, age):
            if not _is_folder_of(device, facts):
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            else:
                yield from _expire_folder(name, root_fd, device, age, remove=remove)


def _not_young(names: Iterable[str], dir_fd: int, age: Age) -> Iterator[tuple[str, os.stat_result]]:
    """Look once at each thing in a folder; yield what is old or from the future."""
    for name in sorted(names):
        if name.startswith("."):
            continue
        facts = _look(name, dir_fd)
        if facts and (age.is_old(facts.st_mtime_ns) or age.is_future(facts.st_mtime_ns)):
            yield name, facts


def _expire_folder(
    name: str, parent_fd: int, device: int, age: Age, *, remove: bool
) -> Iterator[Finding]:
    contents = _Contents()
    try:
        with open_folder(name, dir_fd=parent_fd) as fd:
            if os.fstat(fd).st_dev != device:
                return  # mounted there since it was looked at
            names = os.listdir(fd)
            _add_up(fd, names, name, device, age, contents)
            yield from (FromFuture(each) for each in contents.future)
            if contents.is_young:
                return
            if remove:
                _empty(fd, names, device, age)
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
    """Whether anything in it is; what is in a young folder of it was not looked at."""
    future: list[str] = field(default_factory=list)


def _add_up(
    fd: int,
    names: Iterable[str],
    path: str,
    device: int,
    age: Age,
    contents: _Contents,
    depth: int = 0,
) -> None:
    for name in names:
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
        elif _is_folder_of(device, facts):
            if depth == _DEEPEST:
                raise OSError(errno.ELOOP, "folders in it are nested too deep")
            with open_folder(name, dir_fd=fd) as inner:
                inner_names = os.listdir(inner)
                _add_up(inner, inner_names, f"{path}/{name}", device, age, contents, depth + 1)
        else:
            contents.left_alone += 1


def _empty(fd: int, names: Iterable[str], device: int, age: Age) -> None:
    """Remove the files and folders in a folder; what is left alone keeps its folder."""
    for name in names:
        facts = _look(name, fd)
        # Looked at again: it may have been written since.
        if facts is None or not age.is_old(facts.st_mtime_ns):
            continue
        if stat.S_ISREG(facts.st_mode):
            os.unlink(name, dir_fd=fd)
        elif _is_folder_of(device, facts):
            with open_folder(name, dir_fd=fd) as inner:
                _empty(inner, os.listdir(inner), device, age)
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
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_folder_of(device: int, facts: os.stat_result) -> bool:
    """Whether it is a folder, in the file system that the whole sweep began in."""
    return stat.S_ISDIR(facts.st_mode) and facts.st_dev == device
