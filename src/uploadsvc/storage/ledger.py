"""
A sum of bytes in a small file, which every process and host sees, and changes under its lock.

It is overwritten in place, so that it can be changed on a full disk too. What is lost, or
torn by a power cut, is unknown until somebody counts anew.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.storage.partials import disk_errors

_WIDTH = 32


@dataclass(frozen=True)
class Entry:
    """The sum, while its lock is held."""

    fd: int

    def read(self) -> int | None:
        """Return the sum; None when it is unknown."""
        return _sum_in(os.pread(self.fd, _WIDTH, 0))

    def write(self, total: int) -> None:
        # Fixed width: overwritten in one write, never shorter than what was there.
        with disk_errors():
            os.pwrite(self.fd, b"%-*d\n" % (_WIDTH - 1, total), 0)


class Ledger:
    def __init__(self, path: Path) -> None:
        """The file is made when it is first changed; its folder must be there."""
        self._path = path

    def read(self) -> int | None:
        """Return the sum; None when it is unknown. Raise `StorageFailed` and its like."""
        with disk_errors(), contextlib.suppress(FileNotFoundError):
            return _sum_in(self._path.read_bytes())
        return None

    @contextlib.contextmanager
    def locked(self) -> Iterator[Entry]:
        """Hold the lock for the body of the `with`. Raise what `disk_errors` makes of errors."""
        with disk_errors():
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            with disk_errors():
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield Entry(fd)
        finally:
            os.close(fd)

    def forget(self) -> None:
        """Make the sum unknown."""
        with disk_errors():
            self._path.unlink(missing_ok=True)


def _sum_in(text: bytes) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() else None
