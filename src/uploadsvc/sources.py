"""
Where the picture of a preview comes from: our own storage, or anywhere else by the fetch.

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
from uploadsvc.links import Links, quote_name
from uploadsvc.storage import HasPaths, Key, Storage, StoredFile, partials
from uploadsvc.storage.folders import open_folder

_OF_THE_SOURCE = (Missing, SourceFailed, TooLarge)


@dataclass(frozen=True)
class Source:
    """A picture in our storage when `stored` is there, else whatever is at the address."""

    address: str
    """Canonical: two ways to write the address of a stored file are one source."""
    stored: StoredFile | None = None


class Sources:
    def __init__(
        self,
        storage: Storage,
        scratch: Path,
        *,
        links: Links,
        fetch: Callable[[str, BinaryIO], None],
        check_room: Callable[[int], None],
        failures: Failures,
    ) -> None:
        """
        `fetch` writes what is at an address into a file; `scratch` is a folder for it, and
        `check_room` raises `NoRoom` where so many bytes more are too many.
        """
        self._storage = storage
        self._scratch = scratch
        self._links = links
        self._fetch = fetch
        self._check_room = check_room
        self._failures = failures

    def locate(self, address: str, *, requested: str) -> Source:
        """
        Return the source that an address names.

        `requested` is the base of the request, like `https://host:port`. Raise `Missing`
        when the address leads into our storage, but to nothing that is there.
        """
        key = self._links.key(address, requested=requested)
        if key is None:
            return Source(address)
        stored = self._storage.find(key)
        return Source(f"stored:{key.folder}/{quote_name(key.name)}", stored)

    def check_failures(self, source: Source) -> None:
        """Raise the error with which the source failed a short while ago, if it did."""
        self._failures.check(digest("source", source.address))

    def remember(self, source: Source, error: UploadsvcError) -> None:
        """Remember that the source failed, for whatever size it was asked."""
        self._failures.remember(digest("source", source.address), error)

    @contextlib.contextmanager
    def opened(self, source: Source) -> Iterator[Path]:
        """Have the source as a file for the body of the `with`; raise what the fetch does."""
        if source.stored is not None and isinstance(self._storage, HasPaths):
            yield self._storage.path(source.stored.key)
            return
        with self._empty_file() as (path, file):
            if source.stored is not None:
                self._copy(source.stored.key, file)
            else:
                self._fetch_remembering(source, file)
            file.flush()
            yield path

    def is_there(self, source: Source) -> bool:
        """Whether a source of our own is still there; of others nobody knows."""
        if source.stored is None:
            return True
        try:
            self._storage.find(source.stored.key)
        except Missing:
            return False
        return True

    def _fetch_remembering(self, source: Source, file: BinaryIO) -> None:
        try:
            with partials.disk_errors():
                self._fetch(source.address, file)
        except _OF_THE_SOURCE as error:
            self.remember(source, error)
            raise

    def _copy(self, key: Key, file: BinaryIO) -> None:
        _, original = self._storage.open(key)
        with original:
            while piece := original.read(1 << 16):
                file.write(piece)

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
