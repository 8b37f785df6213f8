"""
One attempt at an upload, from its first byte to a record that says how it ended.

An attempt takes the place of whatever went by its identifier before. One whose place was
taken, or that was cleared, finds its data without a name: it ends with `Conflict`, and
neither writes nor leaves anything. Data is on disk for good before a record calls it done.
"""

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from uploadsvc.errors import Conflict, UploadsvcError
from uploadsvc.storage import Key, partials
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tracking.record import Record
from uploadsvc.tracking.records import Records

_CHECK_ROOM_EVERY = 16_000_000
_SYNC_EVERY = 32_000_000
"""Bytes, as in the storage: little is left to be synced when the last of them has come."""

Store = Callable[[Path], Key]
"""Keeps the file as a stored one, under another name too; it is durable when it returns."""


@dataclass(frozen=True)
class Incoming:
    """A file that is about to come."""

    filename: str
    media_type: str
    before: int
    """Bytes of the request before the file."""
    expected: int
    """At least how many bytes the file will have."""


class Attempt:
    def __init__(
        self,
        records: Records,
        identifier: str,
        *,
        size: int | None,
        check_room: Callable[[int], None],
        remove: Callable[[Key], None],
    ) -> None:
        """`size`: bytes of the request. `remove` takes back what a `Store` has kept."""
        self._records = records
        self._record = Record(identifier, "uploading", size=size)
        self._check_room = check_room
        self._remove = remove
        self._fd: int | None = None
        self._has_begun = False

    def take(
        self,
        incoming: Incoming,
        chunks: Iterable[bytes],
        *,
        received: Callable[[], int],
        store: Store | None = None,
    ) -> None:
        """
        Keep the file whose bytes these are; `received` says how many the request had in all.

        Errors are those of the chunks, `NoRoom` and its like, and `Conflict`.
        """
        self._check_room(incoming.expected)
        data, fd = self._records.create_data(self._record.identifier)
        self._fd = fd
        self._record = replace(
            self._record,
            filename=incoming.filename,
            media_type=incoming.media_type,
            before=incoming.before,
            data=data,
        )
        self._begin(self._record)
        self._has_begun = True
        self._write(fd, chunks)
        with disk_errors():
            os.fchmod(fd, self._records.file_mode)
            os.fsync(fd)
        self._finish(replace(self._record, state="done", received=received()), store)

    def fail(self, error: BaseException) -> None:
        """Keep nothing of the data, and write down why, unless another has taken the place."""
        came = 0
        # What the disk does not let go is the cleaner's; the first error is the one to tell.
        with contextlib.suppress(OSError):
            came = self._came()
            self._records.remove_data(self._record)
        self.close()
        is_ours = isinstance(error, UploadsvcError)
        failed = replace(
            self._record,
            state="error",
            data=None,
            received=came,
            error=str(error) if is_ours else "something went wrong here",
        )
        # An upload without data counts as failed, whether there was room to say so or not.
        with contextlib.suppress(UploadsvcError, OSError):
            if self._has_begun:
                with self._records.exclusive(failed.identifier):
                    if self._is_current():
                        self._records.write(failed, durable=False)
            else:
                self._begin(failed)

    def close(self) -> None:
        """Let go of the data."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _begin(self, record: Record) -> None:
        with self._records.exclusive(record.identifier):
            former = self._records.read(record.identifier)
            self._records.write(record, durable=False)
            if former is not None:
                with disk_errors():
                    self._records.remove_data(former)

    def _write(self, fd: int, chunks: Iterable[bytes]) -> None:
        until_check, until_sync = _CHECK_ROOM_EVERY, _SYNC_EVERY
        for chunk in chunks:
            with disk_errors():
                if os.fstat(fd).st_nlink == 0:
                    raise _taken()
                partials.write_all(fd, chunk)
            until_check -= len(chunk)
            until_sync -= len(chunk)
            if until_check < 0:
                self._check_room(0)
                until_check = _CHECK_ROOM_EVERY
            if until_sync < 0:
                with disk_errors():
                    os.fdatasync(fd)
                until_sync = _SYNC_EVERY

    def _finish(self, done: Record, store: Store | None) -> None:
        with self._records.exclusive(done.identifier):
            if not self._is_current():
                raise _taken()
            if store is None:
                self._records.write(done, durable=True)
            else:
                self._hand_over(done, store)

    def _hand_over(self, done: Record, store: Store) -> None:
        key = store(self._records.data_path(done))
        try:
            kept = replace(done, data=None, kept=f"{key.folder}/{key.name}")
            # The file is on disk for good; whether its record is, too, costs nobody a file.
            self._records.write(kept, durable=False)
        except BaseException:
            self._remove(key)
            raise
        # It has another name by now; what is left of this one is the cleaner's.
        with contextlib.suppress(OSError):
            self._records.remove_data(done)

    def _is_current(self) -> bool:
        current = self._records.read(self._record.identifier)
        return current is not None and current.data == self._record.data

    def _came(self) -> int:
        return 0 if self._fd is None else self._record.came(os.fstat(self._fd).st_size)


def _taken() -> Conflict:
    return Conflict("this upload was cleared, or another one took its place")
