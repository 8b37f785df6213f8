"""
Files in memory: for tests, and to keep the storage protocol honest.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from uploadsvc.errors import Conflict, Gone, Missing
from uploadsvc.storage import Key, StoredFile, names


class MemoryStorage:
    def __init__(
        self,
        *,
        keep: timedelta | None = None,
        new_folder: Callable[[], str] = names.new_folder,
    ) -> None:
        """With `keep`, the life of every file, one whose own shorter life is over is `Gone`."""
        self._files: dict[Key, tuple[StoredFile, bytes]] = {}
        self._keep = keep
        self._new_folder = new_folder

    def save(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        expected: int = 0,
        folder: Callable[[], str] | None = None,
        aged_ns: Callable[[], int] = lambda: 0,
    ) -> StoredFile:
        data = b"".join(chunks)
        key = Key(self._free_folder() if folder is None else folder(), name)
        if self._is_taken(key.folder):
            raise Conflict("there is a file in that folder already")
        aged = aged_ns()
        stored = StoredFile(
            key, size=len(data), stored_ns=time.time_ns() - aged, is_short_lived=aged > 0
        )
        self._files[stored.key] = (stored, data)
        return stored

    def open(self, key: Key) -> tuple[StoredFile, BinaryIO]:
        stored = self.find(key)
        return stored, io.BytesIO(self._files[key][1])

    def find(self, key: Key) -> StoredFile:
        if key not in self._files:
            raise Missing("there is no such file")
        stored = self._files[key][0]
        is_limited = self._keep is not None and stored.is_short_lived
        if is_limited and datetime.now(UTC) >= stored.stored_at + (self._keep or timedelta(0)):
            raise Gone("the file's time is over")
        return stored

    def delete(self, key: Key) -> None:
        self._files.pop(key, None)

    def __iter__(self) -> Iterator[StoredFile]:
        return iter([stored for stored, _ in self._files.values()])

    def _free_folder(self) -> str:
        while self._is_taken(folder := self._new_folder()):
            pass
        return folder

    def _is_taken(self, folder: str) -> bool:
        return any(key.folder == folder for key in self._files)
