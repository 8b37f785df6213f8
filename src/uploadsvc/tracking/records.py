"""
The records of all uploads in a folder, and the files with their data beside them.

An upload's files are named by the SHA-256 of its identifier: `DIGEST.json`, replaced in one
step, and `DIGEST-TOKEN` with the data of one attempt. Whoever writes data holds an flock on
it, as on a partial: data that is not held has come whole, or never will. Records are changed
one at a time (`exclusive`), and read without asking anybody.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.storage import locks, partials
from uploadsvc.storage.folders import open_folder, sync_folder
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tracking.record import Record

_ATTEMPTS = 20

SUFFIX = ".json"
_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Records:
    root: Path
    file_mode: int

    def read(self, identifier: str) -> Record | None:
        """Return the record of an upload; None when there is none."""
        return read(self._path(identifier))

    def exclusive(self, identifier: str) -> AbstractContextManager[None]:
        """Change the record with nobody else doing so; raise `Unavailable` after a while."""
        return locks.exclusive(self.root, digest(identifier), patience=_PATIENCE_SECONDS)

    def write(self, record: Record, *, durable: bool) -> None:
        """Put a record in the place of the one before; `durable` ones outlive a loss of power."""
        with disk_errors(), open_folder(self.root, follow=True) as root_fd:
            partial, fd = partials.create(root_fd)
            try:
                partials.write_all(fd, record.dump())
                os.fchmod(fd, self.file_mode)
                if durable:
                    os.fsync(fd)
                name = self._path(record.identifier).name
                os.rename(partial, name, src_dir_fd=root_fd, dst_dir_fd=root_fd)
                if durable:
                    os.fsync(root_fd)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(partial, dir_fd=root_fd)
                raise
            finally:
                os.close(fd)

    def remove(self, record: Record) -> None:
        """Remove a record and its data for good."""
        with disk_errors():
            # The record first: one whose data is missing would count as broken.
            self._path(record.identifier).unlink(missing_ok=True)
            self.remove_data(record)
            sync_folder(self.root)

    def remove_data(self, record: Record) -> None:
        if record.data:
            self.data_path(record).unlink(missing_ok=True)

    def create_data(self, identifier: str) -> tuple[str, int]:
        """Create the file for the data of a new attempt; return its name and descriptor."""
        with disk_errors(), open_folder(self.root, follow=True) as root_fd:
            for _ in range(_ATTEMPTS):
                name = f"{digest(identifier)}-{secrets.token_hex(8)}"
                # A cleaner may have seen it before it was locked; then there is another.
                with contextlib.suppress(FileNotFoundError):
                    return name, partials.create_locked(name, dir_fd=root_fd)
            raise FileNotFoundError("no file could be made")

    def data_path(self, record: Record) -> Path:
        """Return where the data of a record is that names it."""
        return self.root / str(record.data)

    def _path(self, identifier: str) -> Path:
        return self.root / f"{digest(identifier)}{SUFFIX}"


def digest(identifier: str) -> str:
    """Return what the files of an upload are named by."""
    return hashlib.sha256(identifier.encode()).hexdigest()


def read(path: Path) -> Record | None:
    with disk_errors(), contextlib.suppress(FileNotFoundError):
        return Record.parse(path.read_bytes())
    return None


@dataclass(frozen=True)
class Data:
    """What a look at the data of an upload shows."""

    size: int
    is_held: bool
    """Whether somebody is writing it."""


def look(path: Path) -> Data | None:
    """Look at the data of an upload; None when it is not there."""
    with disk_errors():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        try:
            # Shared, so that two who look do not take each other for the writer.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return Data(os.fstat(fd).st_size, is_held=False)
        except BlockingIOError:
            return Data(os.fstat(fd).st_size, is_held=True)
        finally:
            os.close(fd)
