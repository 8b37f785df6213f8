"""
Where the two files of an unfinished upload lie.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.errors import Missing
from uploadsvc.storage.partials import disk_errors

RECORD, BYTES = ".record", ".bytes"

_ID = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True)
class Files:
    root: Path

    def record(self, id: str) -> Path:
        """Return where its record is; raise `Missing` for what is no ID of ours."""
        return self._path(id, RECORD)

    def bytes(self, id: str) -> Path:
        """Return where its bytes are until it is stored; raise `Missing` likewise."""
        return self._path(id, BYTES)

    def has_bytes(self, id: str) -> bool:
        """Whether they are there still: whether it is not stored yet. Raise `StorageFailed`."""
        with disk_errors():
            return self.bytes(id).exists()

    def _path(self, id: str, ending: str) -> Path:
        if not _ID.fullmatch(id):
            raise Missing("there is no such upload")
        return self.root / f"{id}{ending}"


def make_empty(file: Path) -> None:
    """Make the file for the bytes of an upload, for its owner's eyes alone. Raises OSError."""
    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
