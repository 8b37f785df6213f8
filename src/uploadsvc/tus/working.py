"""
An upload in the hands of one request: it grows, is stored when it is whole, or is removed.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from uploadsvc.errors import Missing, TooLarge
from uploadsvc.storage import Key
from uploadsvc.storage.folders import sync_folder
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tus.files import make_empty
from uploadsvc.tus.holding import Held
from uploadsvc.tus.incoming import take_bytes
from uploadsvc.tus.protocol import Append, Upload
from uploadsvc.tus.standing import Standing, Standings


@dataclass(frozen=True)
class HeldUpload:
    id: str
    held: Held
    standings: Standings
    check_room: Callable[[int], None]
    take_down: Callable[[Key], object]
    """Removes a stored file."""

    @property
    def standing(self) -> Standing:
        return self.standings.of(self.id, self.held.record, self.held.changed_ns)

    @property
    def upload(self) -> Upload:
        return self.held.record.upload

    def append(self, pieces: Iterable[bytes], allowed: Append) -> Standing:
        """
        Take what comes; store the file when it is whole. Return how the upload stands.

        What `pieces` raises is raised again when what came before is on disk. Also raise
        `TooLarge`, `ChecksumMismatch`, `NoRoom`.
        """
        # However long it takes, nobody takes it for forgotten meanwhile.
        self.held.touch()
        if allowed.length != self.upload.length:
            known = replace(self.upload, length=allowed.length)
            self.held.replace(replace(self.held.record, upload=known))
        if allowed.at_most:
            take_bytes(self.held, self.file, pieces, allowed, check_room=self.check_room)
        elif any(pieces):
            raise TooLarge("the upload has all its bytes already")
        self.settle()
        return self.standing

    def settle(self) -> None:
        """
        Bring the record into line with what is on disk: a kill may have come between.

        No more is counted than is there, and what is whole is stored. Raise `Gone` when the
        upload's time is over.
        """
        file = self.file
        if self.held.record.name is None or self.standings.files.has_bytes(self.id):
            self.check_time()
            self._count_what_is_there(file)
            if self.upload.is_whole and not self.upload.is_partial:
                self.standings.storing.store(self.held, file)
        self.check_time()

    def check_time(self) -> None:
        """Raise `Gone` when the upload's time is over."""
        _ = self.standing

    @property
    def file(self) -> Path:
        """Where its bytes are until it is stored."""
        return self.standings.files.bytes(self.id)

    def _count_what_is_there(self, file: Path) -> None:
        with disk_errors():
            if not file.exists():
                # Lost by the disk: the client is told to begin anew, not that nothing is wrong.
                make_empty(file)
                sync_folder(file.parent)
            size = file.stat().st_size
        if size < self.upload.offset:
            self.held.count(size)

    def remove(self) -> None:
        """Remove the upload, and the file if it is stored already."""
        record, file = self.held.record, self.file
        if record.name is not None:
            with contextlib.suppress(Missing):
                self.take_down(Key(record.folder, record.name))
        self.held.remove()
        with disk_errors():
            file.unlink(missing_ok=True)
            sync_folder(file.parent)
