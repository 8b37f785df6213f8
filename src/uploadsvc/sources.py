"""
Where the picture of a preview comes from: a storage, or anywhere else by the fetch.

Whatever it is, whoever draws it gets a file. What had to be fetched for that is gone
afterwards. A source that failed is remembered for a while, and not asked again.
"""

import contextlib
import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Missing, SourceFailed, TooLarge, UploadsvcError
from uploadsvc.failures import Failures
from uploadsvc.links import quote_name
from uploadsvc.storage import HasPaths, Key, Storage, StoredFile, partials
from uploadsvc.storage.folders import open_folder

_OF_THE_SOURCE = (Missing, SourceFailed, TooLarge)


@dataclass(frozen=True)
class Source:
    """A picture in a storage when `stored` is there, else whatever is at the address."""

    address: str
    """Canonical: two ways to write the address of a stored file are one source."""
    stored: StoredFile | None = None
    storage: Storage | None = None
    """Where it is stored."""
    notes: Path | None = None
    """The file that notes what was made of it."""


class Sources:
    def __init__(
        self,
        scratch: Path,
        *,
        fetch: Callable[[str, BinaryIO], None],
        failures: Failures,
        check_room: Callable[[int], None] = lambda incoming: None,
    ) -> None:
        """
        `fetch` writes what is at an address into a file; `scratch` is a folder for it, and
        `check_room` raises `NoRoom` where so many bytes more are too many.
        """
        self._scratch = scratch
        self._fetch = fetch
        self._check_room = check_room
        self._failures = failures

    def check_failures(self, source: Source) -> None:
        """Raise the error with which the source failed a short while ago, if it did."""
        self._failures.check(digest("source", source.address))

    def remember(self, source: Source, error: UploadsvcError) -> None:
        """Remember that the source failed, for whatever size it was asked."""
        self._failures.remember(digest("source", source.address), error)

    @contextlib.contextmanager
    def opened(self, source: Source) -> Iterator[Path]:
        """Have the source as a file for the body of the `with`; raise what the fetch does."""
        paths: object = source.storage
        if source.stored is not None and isinstance(paths, HasPaths):
            yield paths.path(source.stored.key)
            return
        with self._empty_file() as (path, file):
            if source.stored is not None and source.storage is not None:
                _copy(source.storage, source.stored.key, file)
            else:
                self._fetch_remembering(source, file)
            file.flush()
            yield path

    def _fetch_remembering(self, source: Source, file: BinaryIO) -> None:
        try:
            with partials.disk_errors():
                self._fetch(source.address, file)
        except _OF_THE_SOURCE as error:
            self.remember(source, error)
            raise

    @contextlib.contextmanager
    def _empty_file(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Have an empty file that is gone afterwards, and after a kill at the next sweep."""
        self._check_room(0)
        with open_folder(self._scratch, follow=True) as dir_fd:
            with partials.disk_errors():
                name, fd = partials.create(dir_fd)
            try:
                with os.fdopen(fd, "wb") as file:
                    yield self._scratch / name, file
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=dir_fd)


def stored_source(storage: Storage, stored: StoredFile) -> Source:
    """Return a stored file as a source; its address is the same for all who ask for it."""
    address = f"stored:{stored.key.folder}/{quote_name(stored.key.name)}"
    return Source(address, stored, storage)


def is_there(source: Source) -> bool:
    """Whether a source of our own is still there; of others nobody knows."""
    if source.stored is None or source.storage is None:
        return True
    try:
        source.storage.find(source.stored.key)
    except Missing:
        return False
    return True


def _copy(storage: Storage, key: Key, file: BinaryIO) -> None:
    _, original = storage.open(key)
    with original:
        while piece := original.read(1 << 16):
            file.write(piece)


def digest(*fields: str) -> str:
    """
    Return 32 hex digits; fields go in with their length, so none runs into the next.

    The MD5 of a SHA-256: names keep the old shape, and nobody can make two that collide.
    """
    canonical = hashlib.sha256()
    for field in fields:
        data = field.encode("utf-8", "surrogatepass")
        canonical.update(struct.pack(">Q", len(data)) + data)
    return hashlib.md5(canonical.digest(), usedforsecurity=False).hexdigest()
