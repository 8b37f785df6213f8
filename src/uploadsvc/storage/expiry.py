"""
What is old on disk, and its removal, by the letter of "What is old".

A folder goes when it and everything in it were last modified before a moment; a young
folder is looked at once and not looked into. Links, other file systems, names that begin
with a dot and whatever is neither file nor folder are left alone. Everything is reached
through open folders and looked at again just before it goes, so that a link put in its
place meanwhile leads nowhere.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.storage.age import Age, look
from uploadsvc.storage.contents import Contents
from uploadsvc.storage.folders import open_folder


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


def expire_files(root: Path, names: Iterable[str], age: Age, *, remove: bool) -> Iterator[Finding]:
    """Find the old files among `names` directly in `root`; remove them if asked."""
    with open_folder(root, follow=True) as root_fd:
        for name, facts in _not_young(names, root_fd, age):
            if not stat.S_ISREG(facts.st_mode):
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            else:
                yield from _remove(name, facts.st_size, root_fd, age, remove=remove)


def expire_folders(
    root: Path, names: Iterable[str], age: Age, *, remove: bool
) -> Iterator[Finding]:
    """Find the old folders among `names` directly in `root`; remove them if asked."""
    with open_folder(root, follow=True) as root_fd:
        device = os.fstat(root_fd).st_dev
        for name, facts in _not_young(names, root_fd, age):
            if not stat.S_ISDIR(facts.st_mode) or facts.st_dev != device:
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            else:
                yield from _expire_folder(name, root_fd, Contents(age, device), remove=remove)


def _not_young(names: Iterable[str], dir_fd: int, age: Age) -> Iterator[tuple[str, os.stat_result]]:
    for name in sorted(names):
        if name.startswith("."):
            continue
        facts = look(name, dir_fd)
        if facts and (age.is_old(facts.st_mtime_ns) or age.is_future(facts.st_mtime_ns)):
            yield name, facts


def _expire_folder(
    name: str, parent_fd: int, contents: Contents, *, remove: bool
) -> Iterator[Finding]:
    try:
        with open_folder(name, dir_fd=parent_fd) as fd:
            if os.fstat(fd).st_dev != contents.device:
                return  # mounted there since it was looked at
            names = os.listdir(fd)
            contents.add_up(fd, names, name)
            yield from (FromFuture(each) for each in contents.future)
            if contents.is_young:
                return
            if remove:
                contents.remove(fd, names)
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


def _remove(name: str, size: int, dir_fd: int, age: Age, *, remove: bool) -> Iterator[Finding]:
    try:
        if remove:
            facts = look(name, dir_fd)
            if facts is None or not age.is_old(facts.st_mtime_ns):
                return
            os.unlink(name, dir_fd=dir_fd)
    except FileNotFoundError:
        return
    except OSError as error:
        yield Stuck(name, error.strerror or "unknown")
    else:
        yield Expired(name, size)
