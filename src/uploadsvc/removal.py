"""
Takes a stored file down at once, and every preview that was made of it.

A preview of a stored file carries the file's modification time, to the nanosecond, so its
previews are found without a list of them. One that shares the time by chance goes too; it
is made again when it is asked for.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from uploadsvc.storage import Key, Storage
from uploadsvc.storage.partials import sync_folder


def remove(storage: Storage, key: Key, *, previews: Path) -> Iterator[str]:
    """
    Remove the file and its previews; yield what went, as `FOLDER/NAME` and preview names.

    Raise `Missing` when there is no such file.
    """
    stored = storage.find(key)
    storage.delete(key)
    yield f"{key.folder}/{key.name}"
    # After the file: a preview that is being made sees that its source is gone.
    for entry in os.scandir(previews):
        with contextlib.suppress(FileNotFoundError):
            if entry.stat(follow_symlinks=False).st_mtime_ns == stored.stored_ns:
                Path(entry.path).unlink()
                yield entry.name
    sync_folder(previews)
