"""
One upload, as its page and its application see it: how far it is, where it is, its end.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from uploadsvc.storage import Key
from uploadsvc.tracking.record import Record, not_seen
from uploadsvc.tracking.records import Records, look


class TrackedUpload:
    def __init__(
        self,
        identifier: str,
        records: Records,
        *,
        path_of: Callable[[Key], Path | None],
        remove: Callable[[Key], None],
    ) -> None:
        """`path_of` and `remove` are for stored files that uploads have become."""
        self.identifier = identifier
        self._records = records
        self._path_of = path_of
        self._remove = remove

    def get_status(self) -> dict[str, object]:
        """
        Return how far the upload is.

        `identifier`, `filename`, `content-type`, `size` (bytes of the request, None when it
        comes in chunks), `received` (bytes), `state` (`starting`, `uploading`, `done` or
        `error`), and `error`, a sentence, where it failed.
        """
        record = self._look()
        return record.status() if record else not_seen(self.identifier)

    def is_complete(self) -> bool:
        """Whether the upload is done."""
        record = self._records.read(self.identifier)
        return record is not None and record.state == "done"

    def get_filename(self) -> str | None:
        """Return the path of the file when the upload is done, else None."""
        record = self._records.read(self.identifier)
        if record is None or record.state != "done":
            return None
        path = self._path_of(_key(record.kept)) if record.kept else self._records.data_path(record)
        return None if path is None else str(path)

    def clear_upload(self) -> None:
        """
        Delete the upload; one that still runs ends without leaving anything.

        A stored file that it has become goes too. Deleting twice is not an error.
        """
        with self._records.exclusive(self.identifier):
            record = self._records.read(self.identifier)
            if record is None:
                return
            if record.kept:
                self._remove(_key(record.kept))
            self._records.remove(record)

    def _look(self) -> Record | None:
        record = self._records.read(self.identifier)
        while record and record.state == "uploading":
            data = look(self._records.data_path(record))
            came = record.came(data.size) if data else 0
            if data and data.is_held:
                return replace(record, received=came)
            again = self._records.read(self.identifier)
            if again == record:
                # Its writer was killed.
                return replace(
                    record, state="error", received=came, error="the upload was interrupted"
                )
            # It came to its end between the two looks.
            record = again
        return record


def _key(kept: str) -> Key:
    folder, _, name = kept.partition("/")
    return Key(folder, name)
