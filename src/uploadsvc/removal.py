"""
Takes a stored file down at once, and every preview that was made of it.

A preview of a stored file carries the file's modification time, to the nanosecond, so its
previews are found without a list of them. One that shares the time by chance goes too; it
is made again when it is asked for.
"""

import contextlib
import os
from pathlib import Path

from uploadsvc.made import SUFFIX
from uploadsvc.storage import Key, Storage
from uploadsvc.storage.folders import sync_folder


def remove(storage: Storage, key: Key, *, previews: Path) -> list[str]:
    """
    Remove the file and its previews; return what went, as `FOLDER/NAME` and preview names.

    Raise `Missing` when there is no such file.
    """
    stored = storage.find(key)
    storage.delete(key)
    gone = [f"{key.folder}/{key.name}"]
    # After the file: a preview that is being made sees that its source is gone.
    with contextlib.suppress(FileNotFoundError):
        with os.scandir(previews) as entries:
            names = [entry.name for entry in entries if _take(entry, stored.stored_ns)]
            gone += [name for name in names if not name.endswith(SUFFIX)]
        sync_folder(previews)
    return gone


def _take(entry: os.DirEntry[str], modified_ns: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        if entry.stat(follow_symlinks=False).st_mtime_ns == modified_ns:
            Path(entry.path).unlink()
            return True
    return False
