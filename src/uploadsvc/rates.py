"""
How often an address may do something in a minute.

The count is the length of a file that each event makes one byte longer: right for every
process and host that shares the directory, without a lock and without a server for it.
"""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from uploadsvc.errors import TooMany
from uploadsvc.storage.partials import disk_errors

_WINDOW = 60


class Rate:
    def __init__(
        self, directory: Path, *, per_minute: int, now: Callable[[], float] = time.time
    ) -> None:
        """`per_minute` events of one address are let through, 0 for any number."""
        self._directory = directory
        self._per_minute = per_minute
        self._now = now

    def check(self, address: str) -> None:
        """Count one event of the address; raise `TooMany` when its minute is used up."""
        if not self._per_minute:
            return
        minute, second = divmod(int(self._now()), _WINDOW)
        with disk_errors():
            count = self._count(minute, address)
        if count > self._per_minute:
            raise TooMany("too many uploads in a minute", retry_after=_WINDOW - second)

    def _count(self, minute: int, address: str) -> int:
        window = self._directory / str(minute)
        window.mkdir(parents=True, exist_ok=True)
        # Hashed: an address may hold what a file name cannot.
        counter = window / hashlib.sha256(address.encode()).hexdigest()[:32]
        with counter.open("ab", buffering=0) as file:
            file.write(b".")
            return os.fstat(file.fileno()).st_size

    def forget_old(self) -> None:
        """Remove the counts of past minutes."""
        if not self._directory.is_dir():
            return
        # The minute before is kept: a host whose clock is a little behind may count in it.
        current = int(self._now()) // _WINDOW
        for window in self._directory.iterdir():
            if window.name.isdigit() and int(window.name) < current - 1:
                for counter in window.iterdir():
                    counter.unlink(missing_ok=True)
                window.rmdir()
