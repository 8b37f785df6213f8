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
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Conflict, Missing
from uploadsvc.storage import Key, StoredFile, names, partials
from uploadsvc.storage.folders import open_folder, sync_folder
from uploadsvc.storage.partials import disk_errors
from uploadsvc.storage.room import Room, Unlimited

_CHECK_ROOM_EVERY = 16_000_000
_SYNC_EVERY = 32_000_000
"""Bytes. A large file is on disk but for its end when its last byte has come: the client does
not wait for all of it then, and less of the system's memory is dirty meanwhile."""

_ATTEMPTS = 5


class LocalStorage:
    def __init__(
        self,
        root: Path,
        *,
        file_mode: int = 0o644,
        dir_mode: int = 0o755,
        room: Room | None = None,
        new_folder: Callable[[], str] = names.new_folder,
    ) -> None:
        """`root` must exist. Modes are given to files and folders when they are published."""
        self._root = root
        self._file_mode = file_mode
        self._dir_mode = dir_mode
        self._room = room or Unlimited()
        self._new_folder = new_folder

    def save(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        expected: int = 0,
        folder: Callable[[], str] | None = None,
    ) -> StoredFile:
        names.check_name(name)
        self._room.check(expected)
        with disk_errors():
            partial, fd = self._begin(name)
        try:
            size = self._write(fd, chunks)
            named = None if folder is None else Key(folder(), name).folder
            self._room.count(size)
            try:
                with disk_errors():
                    return self._commit(partial, fd, name, named)
            except BaseException:
                self._room.count(-size)
                raise
        except BaseException:
            self._undo(partial, name)
            raise
        finally:
            os.close(fd)

    def open(self, key: Key) -> tuple[StoredFile, BinaryIO]:
        with _missing_errors(), open_folder(self._root / key.folder) as folder_fd:
            # O_NONBLOCK: a pipe somebody put there must not hold the request up.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            file = os.fdopen(os.open(key.name, flags, dir_fd=folder_fd), "rb", buffering=0)
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            file.close()
            raise Missing("there is no such file")
        return _describe(key, facts), file

    def find(self, key: Key) -> StoredFile:
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
            size = self.find(key).size
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

    def _begin(self, name: str) -> tuple[str, int]:
        """Make the folder aside and the locked file in it."""
        for _ in range(_ATTEMPTS):
            partial = partials.new_partial()
            # Closed to others, the web server among them, until it is whole.
            (self._root / partial).mkdir(mode=0o700)
            try:
                with open_folder(self._root / partial) as folder_fd:
                    return partial, partials.create_locked(name, dir_fd=folder_fd)
            except FileNotFoundError:
                # A cleaner saw the folder before the file was locked in it.
                continue
            except BaseException:
                (self._root / partial).rmdir()
                raise
        raise FileNotFoundError("no folder could be made for the upload")

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

    def _commit(self, partial: str, fd: int, name: str, named: str | None) -> StoredFile:
        os.fchmod(fd, self._file_mode)
        # Its time begins now, however long ago the client sent the last of it.
        os.utime(fd)
        aside = self._root / partial
        # Before the file is synced: many file systems then write both at once.
        aside.chmod(self._dir_mode)
        os.fsync(fd)
        facts = os.fstat(fd)
        sync_folder(aside)
        folder = self._rename(aside, named)
        try:
            sync_folder(self._root)
        except BaseException:
            # Whether the rename will last is unknown: the client must not be told that it does.
            self._undo(folder, name)
            raise
        return _describe(Key(folder, name), facts)

    def _rename(self, aside: Path, named: str | None) -> str:
        for _ in range(_ATTEMPTS):
            folder = named or self._new_folder()
            try:
                # Fails when a folder with anything in it is there; never replaces a file.
                aside.rename(self._root / folder)
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise
            else:
                return folder
            if named:
                raise Conflict("there is a file in that folder already")
        raise FileExistsError("no free folder name was found")

    def _undo(self, folder: str, name: str) -> None:
        # What the disk does not let go is the cleaner's; the first error is the one to tell.
        with contextlib.suppress(OSError):
            (self._root / folder / name).unlink()
        with contextlib.suppress(OSError):
            (self._root / folder).rmdir()


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
    return StoredFile(key=key, size=facts.st_size, stored_ns=facts.st_mtime_ns)
