"""
Whether there is room: how much of the disk stays free, and how much may be kept in all.

The disk is asked each time. What is kept in all is counted in a ledger beside the storage; a
kill at the wrong moment, or an upload at the moment of a recount, can leave it a file off,
which the next recount puts right.
"""

import os
from pathlib import Path
from typing import Protocol

from uploadsvc.errors import NoRoom
from uploadsvc.storage.ledger import Ledger

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
        self._ledger = Ledger(ledger) if ledger else None

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
        # One that is lost counts from nothing; the next recount puts it right.
        return (self._ledger.read() or 0) if self._ledger else 0

    def count(self, change: int) -> None:
        if not self._max_stored:
            return
        with self._needed_ledger().locked() as entry:
            total = max(0, (entry.read() or 0) + change)
            if change > 0 and total > self._max_stored:
                raise NoRoom("no more files can be kept at the moment", retry_after=600)
            entry.write(total)

    def recount(self, total: int) -> None:
        """Set the sum to what is really there."""
        if self._max_stored:
            with self._needed_ledger().locked() as entry:
                entry.write(total)

    def _needed_ledger(self) -> Ledger:
        if self._ledger is None:
            raise ValueError("max_stored needs a ledger")
        return self._ledger
