"""
The records of all pictures: a small file of JSON beside each original.

One is replaced in one step, so a reader meets the old one or the new one; whoever changes
it holds the lock of its picture.
"""

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from uploadsvc.sized.ids import is_id
from uploadsvc.sized.record import Record
from uploadsvc.storage import partials
from uploadsvc.storage.folders import sync_folder
from uploadsvc.storage.locks import exclusive

log = logging.getLogger(__name__)

_RECORD = "record.json"
_NOTES = "made"


class Records:
    def __init__(
        self, root: Path, *, file_mode: int = 0o644, dir_mode: int = 0o755, patience: float = 60
    ) -> None:
        """
        Keep them as `ID/record.json` in `root`, which must exist.

        `patience`: seconds to wait for somebody else who changes the same one.
        """
        self._root = root
        self._file_mode = file_mode
        self._dir_mode = dir_mode
        self._patience = patience

    def locked(self, image: str) -> AbstractContextManager[None]:
        """Have the picture for oneself; raise `Unavailable` when that takes too long."""
        return exclusive(self._root, image, patience=self._patience)

    def find(self, image: str) -> Record | None:
        """Return the record, or None when there is none that can be read."""
        with contextlib.suppress(FileNotFoundError):
            text = (self._root / image / _RECORD).read_bytes()
            try:
                return Record.from_json(json.loads(text))
            except (ValueError, KeyError, TypeError) as error:
                # As if it were not there: it is written anew when the picture is saved again.
                log.warning("the record of %s cannot be read: %s", image, error)
        return None

    def is_there(self, image: str) -> bool:
        return (self._root / image / _RECORD).is_file()

    def write(self, image: str, record: Record) -> None:
        """Keep the record for good; raise `NoRoom` or `StorageFailed`."""
        folder = self._root / image
        data = json.dumps(record.as_json(), indent=1).encode()
        with partials.disk_errors():
            if not folder.is_dir():
                folder.mkdir()
                folder.chmod(self._dir_mode)
            # Written aside in the root, where left-overs are looked for.
            partials.publish(self._root, f"{image}/{_RECORD}", data, mode=self._file_mode)
            sync_folder(folder)

    def delete(self, image: str) -> None:
        """Remove the record for good. Deleting what is not there is not an error."""
        folder = self._root / image
        with partials.disk_errors(), contextlib.suppress(FileNotFoundError):
            (folder / _RECORD).unlink()
            sync_folder(folder)

    def clear(self, image: str) -> None:
        """Remove all that is kept beside an original, which is gone, and the folder."""
        self.delete(image)
        with contextlib.suppress(OSError):
            self.notes(image).unlink(missing_ok=True)
            (self._root / image).rmdir()

    def notes(self, image: str) -> Path:
        """Return the file that notes what was made of the picture."""
        return self._root / image / _NOTES

    def __iter__(self) -> Iterator[str]:
        """The IDs of all pictures, in no promised order; some may have no record."""
        return filter(is_id, os.listdir(self._root))
