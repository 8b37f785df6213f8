"""
How an upload that is whole becomes a stored file, once, however often it is begun.

The folder of the stored file is in the record from the start, its name before the file is
there. So whoever comes after a kill finds one of two things: the file is stored, and only
the old name of its bytes must go; or it is not, and is stored now.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from mimetypes import guess_extension
from pathlib import Path

from uploadsvc import mediatypes, uploads
from uploadsvc.errors import BadInput, Conflict, Gone, Missing
from uploadsvc.life import parse_life
from uploadsvc.storage import Key, Storage
from uploadsvc.storage.names import new_folder, safe_name
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tus.holding import Held
from uploadsvc.tus.metadata import Metadata
from uploadsvc.tus.record import Record
from uploadsvc.uploads import Received

_ATTEMPTS = 5
_PIECE = 1 << 18
_SHORTEST_LIFE = timedelta(seconds=1)


@dataclass(frozen=True)
class Storing:
    storage: Storage
    keep: timedelta
    now: Callable[[], datetime]

    def store(self, held: Held, file: Path) -> None:
        """Make a stored file of the upload whose bytes are in `file`, which then goes."""
        for _ in range(_ATTEMPTS):
            key = self._named(held, file)
            try:
                self._adopt(held.record, key, file)
            except Conflict:
                # Somebody else's folder happens to be called the same.
                held.replace(replace(held.record, folder=new_folder(), name=None))
                continue
            with disk_errors():
                file.unlink(missing_ok=True)
            return
        raise FileExistsError("no free folder name was found")

    def _named(self, held: Held, file: Path) -> Key:
        record = held.record
        if record.name is None:
            with disk_errors(), file.open("rb") as opened:
                head = opened.read(mediatypes.HEAD_BYTES)
            name = safe_name(file_name(record.upload.metadata), mediatypes.image_extension(head))
            record = replace(record, name=name)
            held.replace(record)
        return Key(record.folder, record.name or "")

    def _adopt(self, record: Record, key: Key, file: Path) -> None:
        with contextlib.suppress(Missing):
            self.storage.find(key)
            return
        uploads.adopt(
            self.storage,
            key.name,
            file,
            keep=self.keep,
            life=self.life(record.upload.metadata, is_checked=True),
            folder=key.folder,
        )

    def life(self, metadata: Metadata, *, is_checked: bool = False) -> timedelta | None:
        """
        Return the life that was asked for, from now on; None where none was.

        Raise `BadInput` for a malformed one, or one that is over: when it was checked before,
        it is merely over by now.
        """
        text = metadata.text("expires")
        if text is None:
            return None
        try:
            return parse_life(text, now=self.now())
        except BadInput:
            if not is_checked:
                raise
            return _SHORTEST_LIFE

    def expires(self, key: Key) -> datetime:
        """Return until when the file is there; raise `Gone` when it is not any more."""
        try:
            return self.storage.find(key).stored_at + self.keep
        except Missing as error:
            raise Gone("the file's time is over, or it was deleted") from error

    def received(self, key: Key, *, sha256: str | None) -> Received:
        """Return what is known of the stored file; raise `Gone` likewise."""
        try:
            stored, file = self.storage.open(key)
        except Missing as error:
            raise Gone("the file's time is over, or it was deleted") from error
        with file:
            head = file.read(mediatypes.HEAD_BYTES)
        return uploads.describe(stored, head, keep=self.keep, sha256=sha256)

    def sha256(self, key: Key) -> str:
        """Return the SHA-256 of the stored file; reads all of it."""
        digest = hashlib.sha256()
        _, file = self.storage.open(key)
        with disk_errors(), file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.hexdigest()


def file_name(metadata: Metadata) -> str:
    """Return what the client calls its file; where it does not, what the type calls one."""
    name = metadata.text("filename", "name")
    if name:
        return name
    kind = (metadata.text("filetype", "type") or "").partition(";")[0].strip().lower()
    # The name of a picture is completed by what its bytes show.
    extension = None if kind.startswith("image/") else guess_extension(kind)
    return f"file{extension or ''}"
