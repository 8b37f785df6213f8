"""
Files on a local or shared disk: one folder an upload, its file inside.

A file is written into a folder aside, under its final name, locked. When it is whole,
file and folder are fsynced, the folder is renamed to its public name in one step, and the
root is fsynced: readers and cleaners never meet half a file or an empty folder. Names are
checked before they are used, and links are never followed.
"""

import contextlib
import errno
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Gone, Missing
from uploadsvc.storage import Key, StoredFile, names, partials
from uploadsvc.storage.aside import SHORT_LIVED, Aside, Modes, linked_file, new_file
from uploadsvc.storage.folders import open_folder, sync_folder
from uploadsvc.storage.partials import disk_errors
from uploadsvc.storage.room import Room, Unlimited

_CHECK_ROOM_EVERY = 16_000_000
_SYNC_EVERY = 32_000_000
"""Bytes. A large file is on disk but for its end when its last byte has come: the client does
not wait for all of it then, and less of the system's memory is dirty meanwhile."""


class LocalStorage:
    def __init__(
        self,
        root: Path,
        *,
        file_mode: int = 0o644,
        dir_mode: int = 0o755,
        room: Room | None = None,
        keep: timedelta | None = None,
        new_folder: Callable[[], str] = names.new_folder,
    ) -> None:
        """
        `root` must exist. Modes are given to files and folders when they are published.

        With `keep`, the life of every file, one whose own shorter life is over is `Gone`.
        """
        self._root = root
        self._modes = Modes(file_mode, dir_mode)
        self._room = room or Unlimited()
        self._keep_ns = None if keep is None else keep // timedelta(microseconds=1) * 1000
        self._new_folder = new_folder

    def save(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        expected: int = 0,
        folder: Callable[[], str] | None = None,
        aged_ns: Callable[[], int] = lambda: 0,
    ) -> StoredFile:
        names.check_name(name)
        self._room.check(expected)
        with new_file(self._root, name, self._modes) as aside:
            size = self._write(aside.fd, chunks)
            named = None if folder is None else folder()
            return self._publish(aside, size, named, aged_ns())

    def adopt(
        self, file: Path, name: str, *, folder: str | None = None, aged_ns: int = 0
    ) -> StoredFile:
        names.check_name(name)
        with disk_errors(), linked_file(self._root, name, self._modes, file) as aside:
            return self._publish(aside, os.fstat(aside.fd).st_size, folder, aged_ns)

    def _publish(self, aside: Aside, size: int, named: str | None, aged_ns: int) -> StoredFile:
        if named is not None:
            names.check_folder(named)
        self._room.count(size)
        try:
            with disk_errors():
                folder, facts = aside.commit(self._new_folder, named=named, aged_ns=aged_ns)
        except BaseException:
            self._room.count(-size)
            raise
        return _describe(Key(folder, aside.name), facts)

    def open(self, key: Key) -> tuple[StoredFile, BinaryIO]:
        with _missing_errors(), open_folder(self._root / key.folder) as folder_fd:
            # O_NONBLOCK: a pipe somebody put there must not hold the request up.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            file = os.fdopen(os.open(key.name, flags, dir_fd=folder_fd), "rb", buffering=0)
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            file.close()
            raise Missing("there is no such file")
        stored = _describe(key, facts)
        try:
            self._check_life(stored)
        except Gone:
            file.close()
            raise
        return stored, file

    def find(self, key: Key) -> StoredFile:
        stored = self._find(key)
        self._check_life(stored)
        return stored

    def _check_life(self, stored: StoredFile) -> None:
        if self._keep_ns is None or not stored.is_short_lived:
            return
        if time.time_ns() >= stored.stored_ns + self._keep_ns:
            raise Gone("the file's time is over")

    def _find(self, key: Key) -> StoredFile:
        with _missing_errors():
            folder = f"{self._root}/{key.folder}"
            # Only facts are told, so that nothing needs to be held open. No link is followed.
            if not stat.S_ISDIR(os.lstat(folder).st_mode):
                raise Missing("there is no such file")
            facts = os.lstat(f"{folder}/{key.name}")
        if not stat.S_ISREG(facts.st_mode):
            raise Missing("there is no such file")
        return _describe(key, facts)

    def delete(self, key: Key) -> None:
        try:
            size = self._find(key).size
        except Missing:
            return
        folder = self._root / key.folder
        with disk_errors():
            (folder / key.name).unlink(missing_ok=True)
            sync_folder(folder)
            # A folder of an older installation may hold more files than one.
            with contextlib.suppress(OSError):
                folder.rmdir()
            sync_folder(self._root)
        self._room.count(-size)

    def path(self, key: Key) -> Path:
        return self._root / key.folder / key.name

    def __iter__(self) -> Iterator[StoredFile]:
        with os.scandir(self._root) as folders:
            for folder in folders:
                if folder.is_dir(follow_symlinks=False):
                    yield from self._in_folder(folder)

    def _in_folder(self, folder: os.DirEntry[str]) -> Iterator[StoredFile]:
        # Other folders than ours may lie here, even such that we may not look into.
        with contextlib.suppress(FileNotFoundError, PermissionError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(names.BadName, FileNotFoundError):
                        key = Key(folder.name, entry.name)
                        yield _describe(key, entry.stat(follow_symlinks=False))

    def _write(self, fd: int, chunks: Iterable[bytes]) -> int:
        size = 0
        until_check, until_sync = _CHECK_ROOM_EVERY, _SYNC_EVERY
        for chunk in chunks:
            # Only the disk's own errors are translated, not those of whoever sends.
            with disk_errors():
                partials.write_all(fd, chunk)
            size += len(chunk)
            until_check -= len(chunk)
            until_sync -= len(chunk)
            if until_check < 0:
                self._room.check(0)
                until_check = _CHECK_ROOM_EVERY
            if until_sync < 0:
                with disk_errors():
                    os.fdatasync(fd)
                until_sync = _SYNC_EVERY
        return size


@contextlib.contextmanager
def _missing_errors() -> Iterator[None]:
    """Say `Missing` where there is no file, or only a link, a loop or a folder."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise Missing("there is no such file") from error
    except OSError as error:
        # A link, a name longer than the disk allows, a socket.
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO):
            raise Missing("there is no such file") from error
        with disk_errors():
            raise


def _describe(key: Key, facts: os.stat_result) -> StoredFile:
    return StoredFile(
        key=key,
        size=facts.st_size,
        stored_ns=facts.st_mtime_ns,
        is_short_lived=bool(facts.st_mode & SHORT_LIVED),
    )
