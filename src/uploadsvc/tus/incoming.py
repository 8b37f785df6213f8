"""
Bytes that come for an unfinished upload: written behind those that are there already.

They count when they are on disk. What comes is synced every so often and at its end,
whatever the end is: a client that breaks off loses nothing that arrived. A piece with a
checksum counts as a whole or not at all.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import monotonic

from uploadsvc.errors import NoRoom, TooLarge
from uploadsvc.storage import partials
from uploadsvc.storage.partials import StorageFailed, disk_errors
from uploadsvc.storage.reserve import reserve
from uploadsvc.tus.holding import Held
from uploadsvc.tus.protocol import Append

_SYNC_EVERY, _SYNC_SECONDS = 1 << 25, 20.0
"""Bytes, a whole number of pages; or that much time, whichever comes first."""


def take_bytes(
    held: Held,
    path: Path,
    pieces: Iterable[bytes],
    allowed: Append,
    *,
    check_room: Callable[[int], None],
    clock: Callable[[], float] = monotonic,
) -> None:
    """
    Write the pieces behind what the record of `path` counts, and let it count them.

    Whatever `pieces` raises is raised again when what came before is kept. Raise `TooLarge`
    or `ChecksumMismatch` with nothing of it kept, and what the disk says; `check_room` is
    called every so many bytes and raises to end it.
    """
    with _opened(path, held.record.upload.offset) as fd:
        incoming = _Incoming(held, fd, allowed, check_room, clock)
        try:
            for piece in pieces:
                incoming.write(piece)
        except TooLarge:
            incoming.forget()
            raise
        except StorageFailed:
            incoming.keep_what_counts()
            raise
        except BaseException:
            incoming.keep_what_came()
            raise
        incoming.finish()


@contextlib.contextmanager
def _opened(path: Path, offset: int) -> Iterator[int]:
    with disk_errors():
        fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        with disk_errors():
            # What a killed process wrote and never counted. It is never shorter: see `settle`.
            if os.fstat(fd).st_size > offset:
                os.ftruncate(fd, offset)
            os.lseek(fd, offset, os.SEEK_SET)
        yield fd
    finally:
        os.close(fd)


class _Incoming:
    def __init__(
        self,
        held: Held,
        fd: int,
        allowed: Append,
        check_room: Callable[[int], None],
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._held = held
        self._fd = fd
        self._begin = self._offset = held.record.upload.offset
        self._left, self._incoming = allowed.at_most, allowed.incoming
        self._checksum = allowed.checksum
        self._digest = allowed.checksum.begin() if allowed.checksum else None
        self._check_room = check_room
        self._until_sync, self._next_sync = 0, 0.0

    def write(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise TooLarge("more has come than the upload can take; nothing of it was kept")
        if self._until_sync <= 0 or self._clock() > self._next_sync:
            self._begin_stretch(len(piece))
        with disk_errors():
            partials.write_all(self._fd, piece)
        self._offset += len(piece)
        self._until_sync -= len(piece)
        self._incoming -= len(piece)
        if self._digest is not None:
            self._digest.update(piece)

    def _begin_stretch(self, size: int) -> None:
        """Count what has come; look for room for what will, at least `size` bytes of it."""
        self._until_sync, self._next_sync = _SYNC_EVERY, self._clock() + _SYNC_SECONDS
        self._sync()
        self._check_room(max(size, self._incoming))
        with disk_errors():
            # Only what was said to come: the rest would be missing for others.
            reserve(self._fd, self._offset, min(_SYNC_EVERY, self._incoming))

    def finish(self) -> None:
        if self._checksum is not None:
            try:
                self._checksum.check(self._digest)
            except BaseException:
                self.forget()
                raise
            self._checksum = None
        self._sync()

    def keep_what_came(self) -> None:
        """Count what was written; of a piece with a checksum nothing, for nobody can tell it."""
        if self._checksum is not None:
            self.forget()
            return
        with contextlib.suppress(StorageFailed, NoRoom):
            self._sync()
            with disk_errors():
                # Also gives back what was reserved behind it.
                os.ftruncate(self._fd, self._offset)

    def keep_what_counts(self) -> None:
        """Cut off what is not known to be on disk; what the disk does not let go the next one."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._held.record.upload.offset)

    def forget(self) -> None:
        """Go back to where it began."""
        if self._held.record.upload.offset != self._begin:
            self._held.count(self._begin)
        self.keep_what_counts()

    def _sync(self) -> None:
        if self._offset == self._held.record.upload.offset:
            return
        with disk_errors():
            os.fdatasync(self._fd)
        if self._checksum is None:
            self._held.count(self._offset)
