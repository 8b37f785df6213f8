"""
Whether there is room: how much of the disk stays free, and how much may be kept in all.

The disk is asked each time. What is kept in all is counted in a small file beside the
storage, changed under a lock, so that every process and host sees the same sum; a kill at
the wrong moment, or an upload at the moment of a recount, can leave it a file off, which
the next recount puts right.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from uploadsvc.errors import NoRoom
from uploadsvc.storage.partials import disk_errors

_DEFAULT_SHARE = 0.05
_DEFAULT_FLOOR = 1_000_000_000


class Room(Protocol):
    def check(self, incoming: int) -> None:
        """Raise `NoRoom` unless `incoming` more bytes may be stored."""

    def count(self, change: int) -> None:
        """Count `change` bytes more as stored, or fewer; raise `NoRoom` past the limit."""


class Unlimited:
    """All the room there is."""

    def check(self, incoming: int) -> None:
        pass

    def count(self, change: int) -> None:
        pass


class DiskRoom:
    def __init__(
        self, root: Path, *, floor: int | None, max_stored: int = 0, ledger: Path | None = None
    ) -> None:
        """
        `floor`: bytes of the disk that stay free, 0 for none, None for 1 GB or 5 % of the
        disk, whichever is less. `max_stored`: bytes in all, 0 for no limit; the sum is kept
        in the file `ledger`.
        """
        self._root = root
        self._floor = floor
        self._max_stored = max_stored
        self._ledger = ledger

    def check(self, incoming: int) -> None:
        self.check_disk(incoming)
        if self._max_stored and self.stored() + incoming > self._max_stored:
            raise NoRoom("no more files can be kept at the moment", retry_after=600)

    def check_disk(self, incoming: int) -> None:
        """Raise `NoRoom` unless the disk has room for `incoming` bytes above its floor."""
        disk = os.statvfs(self._root)
        free = disk.f_bavail * disk.f_frsize
        floor = self._floor
        if floor is None:
            whole = disk.f_blocks * disk.f_frsize
            floor = min(_DEFAULT_FLOOR, int(whole * _DEFAULT_SHARE))
        if free - incoming < floor:
            raise NoRoom("the disk is too full to take this", retry_after=600)

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit to what is stored in all."""
        return self._max_stored > 0

    def stored(self) -> int:
        """Return how many bytes the ledger says are stored."""
        if self._ledger is None:
            return 0
        try:
            return _sum_in(self._ledger.read_bytes())
        except FileNotFoundError:
            return 0

    def count(self, change: int) -> None:
        if not self._max_stored:
            return
        with self._locked_ledger() as fd:
            total = max(0, _sum_in(os.pread(fd, 32, 0)) + change)
            if change > 0 and total > self._max_stored:
                raise NoRoom("no more files can be kept at the moment", retry_after=600)
            self._write(fd, total)

    def recount(self, total: int) -> None:
        """Set the sum to what is really there."""
        if self._max_stored:
            with self._locked_ledger() as fd:
                self._write(fd, total)

    @contextlib.contextmanager
    def _locked_ledger(self) -> Iterator[int]:
        if self._ledger is None:
            raise ValueError("max_stored needs a ledger")
        with disk_errors():
            fd = os.open(self._ledger, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def _write(self, fd: int, total: int) -> None:
        # Fixed width: overwritten in one write, never shorter than what was there.
        os.pwrite(fd, b"%-31d\n" % total, 0)


def _sum_in(ledger: bytes) -> int:
    # What a power cut left in it may be no number; the next recount puts it right.
    text = ledger.strip()
    return int(text) if text.isdigit() else 0
