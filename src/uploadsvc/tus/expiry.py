"""
What is over among unfinished uploads, and its removal.

An upload goes when nothing has come for it for as long as it may wait, what is known of a
finished one when the file is not there any more. An upload that somebody is at is left alone.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from uploadsvc.errors import Missing
from uploadsvc.storage import Key, Storage
from uploadsvc.storage.age import Age, look
from uploadsvc.storage.expiry import Expired, Finding, FromFuture, Stuck
from uploadsvc.storage.folders import open_folder
from uploadsvc.storage.leftovers import LeftOver, left_over
from uploadsvc.tus.files import BYTES, RECORD, Files
from uploadsvc.tus.holding import try_hold
from uploadsvc.tus.record import Record


def expire_uploads(
    root: Path, storage: Storage, age: Age, *, remove: bool
) -> Iterator[Finding | LeftOver]:
    """Find the uploads in `root` that are over, and left-overs; remove them if asked."""
    names = set(os.listdir(root))
    yield from left_over(root, among=names, remove=remove)
    expiry = _Expiry(Files(root), storage, age, remove=remove)
    with open_folder(root, follow=True) as root_fd:
        for name in sorted(names):
            id, dot, ending = name.partition(".")
            if dot + ending == RECORD:
                expire = expiry.of_upload
            elif dot + ending == BYTES and f"{id}{RECORD}" not in names:
                expire = expiry.of_bytes
            else:
                continue
            facts = look(name, root_fd)
            if facts is None or not stat.S_ISREG(facts.st_mode):
                continue
            if age.is_future(facts.st_mtime_ns):
                yield FromFuture(name)
            elif age.is_old(facts.st_mtime_ns):
                try:
                    yield from expire(id)
                except OSError as error:
                    yield Stuck(name, error.strerror or "the disk refused")


@dataclass(frozen=True)
class _Expiry:
    files: Files
    storage: Storage
    age: Age
    remove: bool

    def of_upload(self, id: str) -> Iterator[Finding]:
        """Expire one that nobody is at, and whose file is not stored any more."""
        try:
            record, file = self.files.record(id), self.files.bytes(id)
            fd = try_hold(record)
        except Missing:
            return
        if fd is None:
            return
        try:
            # Looked at again: bytes may have come since.
            if not self.age.is_old(os.fstat(fd).st_mtime_ns):
                return
            if self._is_stored(fd) and not file.exists():
                return
            size = file.stat().st_size if file.exists() else None
            if self.remove:
                # The record first: bytes without one are nobody's.
                record.unlink(missing_ok=True)
                file.unlink(missing_ok=True)
            if size is not None:
                yield Expired(id, size)
        finally:
            os.close(fd)

    def of_bytes(self, id: str) -> Iterator[Finding]:
        """Expire bytes that no record tells of."""
        file = self.files.root / f"{id}{BYTES}"
        size = file.stat().st_size
        if self.remove:
            file.unlink(missing_ok=True)
        yield Expired(id, size)

    def _is_stored(self, fd: int) -> bool:
        try:
            record = Record.read(fd)
            if record.name is None:
                return False
            self.storage.find(Key(record.folder, record.name))
        except Missing:
            return False
        return True
