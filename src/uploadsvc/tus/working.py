"""
An upload in the hands of one request: it grows, is stored when it is whole, or is removed.
"""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from uploadsvc.errors import Missing, TooLarge
from uploadsvc.storage import Key
from uploadsvc.storage.folders import sync_folder
from uploadsvc.storage.partials import disk_errors
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
        if allowed.length != self.upload.length:
            known = replace(self.upload, length=allowed.length)
            self.held.replace(replace(self.held.record, upload=known))
        if allowed.at_most:
            file = self.standings.files.bytes(self.id)
            take_bytes(self.held, file, pieces, allowed, check_room=self.check_room)
        elif any(pieces):
            raise TooLarge("the upload has all its bytes already")
        self.settle()
        return self.standing

    def settle(self) -> None:
        """
        Store the file if it is whole and is not stored yet: a kill may have come between.

        Raise `Gone` when its time is over.
        """
        is_file = self.upload.is_whole and not self.upload.is_partial
        file = self.standings.files.bytes(self.id)
        if is_file and (self.held.record.name is None or file.exists()):
            self.standings.storing.store(self.held, file)
        _ = self.standing

    def remove(self) -> None:
        """Remove the upload, and the file if it is stored already."""
        record, file = self.held.record, self.standings.files.bytes(self.id)
        if record.name is not None:
            with contextlib.suppress(Missing):
                self.take_down(Key(record.folder, record.name))
        self.held.remove()
        with disk_errors():
            file.unlink(missing_ok=True)
            sync_folder(file.parent)
