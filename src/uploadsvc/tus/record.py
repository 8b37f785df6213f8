"""
What is known of an unfinished upload: one small file, beside its bytes.

It is JSON whose first member is the offset, in a field of fixed width: the offset is changed
in place, in one write that no disk tears, and only after the bytes that it counts are on
disk. Anything else is changed by writing a new file aside and renaming it.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

from uploadsvc.errors import Missing
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tus.metadata import Metadata
from uploadsvc.tus.protocol import Upload

_PREFIX = b'{"offset":'
_WIDTH = 20
_LARGEST = 1 << 20
_ENCODER = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class Record:
    upload: Upload
    folder: str
    """That the file will be stored in."""
    name: str | None = None
    """That it is stored under; known when all bytes have come."""
    sha256: str | None = None
    """Hexadecimal, once somebody has computed it."""

    def encoded(self) -> bytes:
        """Return the record as it stands in its file."""
        upload = self.upload
        rest: dict[str, Any] = {
            "length": upload.length,
            "metadata": upload.metadata.sent,
            "partial": upload.is_partial,
            "parts": upload.parts,
            "folder": self.folder,
            "name": self.name,
            "sha256": self.sha256,
        }
        text = _ENCODER.encode(rest).encode()
        return b"%s%*d,%s" % (_PREFIX, _WIDTH, upload.offset, text[1:])

    @classmethod
    def read(cls, fd: int) -> "Record":
        """Raise `Missing` for what is no record."""
        with disk_errors():
            text = os.pread(fd, _LARGEST, 0)
        try:
            found = json.loads(text)
            return cls(
                upload=Upload(
                    offset=int(found["offset"]),
                    length=found["length"],
                    metadata=Metadata.parse(found["metadata"]),
                    is_partial=found["partial"],
                    parts=tuple(found["parts"]),
                ),
                folder=found["folder"],
                name=found["name"],
                sha256=found["sha256"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise Missing("there is no such upload") from error


def store_offset(fd: int, offset: int) -> None:
    """Let the record in an open file count this many bytes, for good."""
    with disk_errors():
        os.pwrite(fd, b"%*d" % (_WIDTH, offset), len(_PREFIX))
        os.fdatasync(fd)
