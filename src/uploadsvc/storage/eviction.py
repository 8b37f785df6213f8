"""
Removes files that may be made again: those nobody used for long, and the least recently used.

A file is looked at twice, first to choose it and then, through its open folder, just before
it goes: one that was used or replaced meanwhile stays, and whoever reads one reads on. Several
may do this at once. Of a cache of any size, only what goes at a time is in memory.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import NamedTuple

from uploadsvc.storage.age import Age, look
from uploadsvc.storage.cached import CacheFolder, files_in, last_used, on_disk, opened, parts
from uploadsvc.storage.expiry import Expired, Finding, FromFuture, Stuck
from uploadsvc.storage.folders import open_folder

_AT_ONCE = 50_000
"""Files that are chosen at a time; twice as many are in memory."""

_FEW = 1_000

_SOON = 3600 * 10**9
"""Nanoseconds. An empty folder that was changed within this time may be about to get a file."""

Skip = Callable[[str, os.stat_result], bool]
"""Whether a file, by its folder's name and its facts, is to be taken for gone."""


def expire_unused(folder: CacheFolder, age: Age, *, remove: bool) -> Iterator[Finding]:
    """Find the files that were not used for longer than `age` allows; remove them if asked."""
    for part, fd in parts(folder):
        for name, facts in files_in(fd):
            used = last_used(facts)
            if age.is_future(used):
                yield FromFuture(_joined(part, name))
            elif age.is_old(used):
                try:
                    if not remove or _take(fd, name, used):
                        yield Expired(_joined(part, name), facts.st_size)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    yield Stuck(_joined(part, name), error.strerror or "unknown")


def remove_empty(folder: CacheFolder, *, now: int) -> None:
    """Remove the empty folders in it, but those that somebody may be writing to."""
    with contextlib.suppress(FileNotFoundError), open_folder(folder.path, follow=True) as root_fd:
        for part, fd in parts(folder):
            if part and now - os.fstat(fd).st_mtime_ns > _SOON:
                # Fails where anything is in it.
                with contextlib.suppress(OSError):
                    os.rmdir(part, dir_fd=root_fd)


def bytes_in(folders: Iterable[CacheFolder], *, skip: Skip | None = None) -> int:
    """Return the bytes that all files together take, but for those that `skip` names."""
    return sum(on_disk(facts.st_size) for _, _, _, facts in _files(folders, skip))


def evict(
    folders: Sequence[CacheFolder], over: int, *, remove: bool, skip: Skip | None = None
) -> Generator[tuple[str, Finding], None, int]:
    """
    Find the least recently used files that together take `over` bytes; remove them if asked.

    Yield each finding with the name of its folder; return how many bytes are gone.
    """
    gone = 0
    last: _File | None = None
    while gone < over and (chosen := _choose(folders, over - gone, skip=skip, after=last)):
        for file in chosen:
            folder, name = folders[file.folder], _joined(file.part, file.name)
            try:
                if remove and not _take_from(folder, file):
                    continue
                yield folder.name, Expired(name, file.size)
            except FileNotFoundError:
                # Somebody else has made room with it.
                pass
            except OSError as error:
                yield folder.name, Stuck(name, error.strerror or "unknown")
                continue
            gone += on_disk(file.size)
        last = chosen[-1]
    return gone


class _File(NamedTuple):
    """Sorted, the least recently used is the first."""

    used: int
    folder: int
    part: str
    name: str
    size: int


def _choose(
    folders: Sequence[CacheFolder], over: int, *, skip: Skip | None, after: _File | None
) -> list[_File]:
    """Return the least recently used, sorted, as many as are needed; none up to `after`."""
    chosen: list[_File] = []
    end: _File | None = None
    full = _FEW
    for number, part, name, facts in _files(folders, skip):
        file = _File(last_used(facts), number, part, name, facts.st_size)
        if (after and file <= after) or (end and file >= end):
            continue
        chosen.append(file)
        if len(chosen) >= full:
            chosen, is_enough = _first(chosen, over)
            # Twice, so that sorting costs no more than a few looks at each file.
            full = 2 * max(_FEW, len(chosen))
            end = chosen[-1] if is_enough else None
    return _first(chosen, over)[0]


def _first(files: list[_File], over: int) -> tuple[list[_File], bool]:
    """Return the first that together take `over` bytes, and whether more need not be looked at."""
    files.sort()
    number = 0
    while number < min(len(files), _AT_ONCE) and over > 0:
        over -= on_disk(files[number].size)
        number += 1
    return files[:number], over <= 0 or number == _AT_ONCE


def _files(
    folders: Iterable[CacheFolder], skip: Skip | None
) -> Iterator[tuple[int, str, str, os.stat_result]]:
    for number, folder in enumerate(folders):
        for part, fd in parts(folder):
            for name, facts in files_in(fd):
                if not (skip and skip(folder.name, facts)):
                    yield number, part, name, facts


def _take_from(folder: CacheFolder, file: _File) -> bool:
    with opened(folder, file.part) as fd:
        return _take(fd, file.name, file.used)


def _take(fd: int, name: str, used: int) -> bool:
    """
    Remove a file unless it was used or replaced since; return whether it is gone.

    Raise FileNotFoundError where it was gone already.
    """
    facts = look(name, fd)
    if facts is None:
        raise FileNotFoundError(name)
    if not stat.S_ISREG(facts.st_mode) or last_used(facts) != used:
        return False
    os.unlink(name, dir_fd=fd)
    return True


def _joined(part: str, name: str) -> str:
    return f"{part}/{name}" if part else name
