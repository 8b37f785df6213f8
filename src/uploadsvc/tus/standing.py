"""
How an upload stands, and until when: told from its record and from what lies beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from uploadsvc.errors import Gone
from uploadsvc.storage import Key
from uploadsvc.tus.files import Files
from uploadsvc.tus.protocol import Upload
from uploadsvc.tus.record import Record
from uploadsvc.tus.storing import Storing
from uploadsvc.uploads import Received


@dataclass(frozen=True)
class Standing:
    id: str
    upload: Upload
    expires: datetime
    key: Key | None
    """Of the stored file, once it is one."""
    received: Received | None = None
    """What is known of the file, where it has just come as a whole."""


@dataclass(frozen=True)
class Standings:
    files: Files
    storing: Storing
    keep_partial: timedelta
    now: Callable[[], datetime]

    def of(self, id: str, record: Record, changed_ns: int) -> Standing:
        """
        Return how the upload of a record stands that was last changed then (in nanoseconds).

        Raise `Gone` when its time is over: that of the stored file where it is one.
        """
        if record.name is not None and not self.files.has_bytes(id):
            key = Key(record.folder, record.name)
            return Standing(id, record.upload, self.storing.expires(key), key)
        # One that was all but stored has the time of a stored file: it may have been one.
        keep = self.keep_partial if record.name is None else self.storing.keep
        expires = datetime.fromtimestamp(changed_ns / 1e9, tz=UTC) + min(keep, self.keep_partial)
        if self.now() >= expires:
            raise Gone("the upload's time is over")
        return Standing(id, record.upload, expires, None)
