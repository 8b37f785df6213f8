"""
Finds the preview of a picture, or makes it, once for all who ask at the same time.

A picture in our own storage is read from there; any other address goes through the
guarded fetch. A preview's name is a digest of what it shows, so that no address needs
escaping and no two share one. A preview of a stored file carries that file's modification
time, so that both grow old together and removal finds it.
"""

import contextlib
import hashlib
import io
import logging
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import (
    Missing,
    NoRoom,
    SourceFailed,
    TooLarge,
    Undecodable,
    UploadsvcError,
)
from uploadsvc.failures import Failures
from uploadsvc.images import Picture, Size
from uploadsvc.links import Links, quote_name
from uploadsvc.storage import HasPaths, Key, Storage, StoredFile, partials
from uploadsvc.storage.locks import exclusive

log = logging.getLogger(__name__)

_VERSION = "1"
"""Of how previews are drawn; another one leaves the old files to the cleaner."""

_TYPES = {"jpeg": "image/jpeg", "png": "image/png"}
_OF_THE_SOURCE = (Missing, SourceFailed, TooLarge, Undecodable)


@dataclass(frozen=True)
class Preview:
    file: BinaryIO
    media_type: str
    size: int
    """Bytes."""
    modified_ns: int
    tag: str
    """Differs for previews that differ."""
    expires: datetime


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: our storage when `stored` is there, else the address."""

    address: str
    stored: StoredFile | None = None


class Previews:
    def __init__(
        self,
        storage: Storage,
        directory: Path,
        *,
        links: Links,
        fetch: Callable[[str, BinaryIO], None],
        draw: Callable[[Path, Size], Picture],
        keep: timedelta,
        patience: float,
        file_mode: int = 0o644,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        `fetch` writes what is at an address into a file; `draw` makes a picture of a file.
        `patience`: seconds to wait for somebody else who makes the same preview.
        """
        self._storage = storage
        self._directory = directory
        self._links = links
        self._fetch = fetch
        self._draw = draw
        self._keep = keep
        self._patience = patience
        self._file_mode = file_mode
        self._failures = Failures(directory, now=now)

    def find(self, address: str, size: Size, *, requested: str) -> Preview:
        """
        Return the preview of the picture at `address` that fits into `size`.

        `requested` is the base of the request, like `https://host:port`. Raise `Missing`
        when the source has no such file, `NotAllowed` when the address may not be fetched,
        `SourceFailed`, `TooLarge` or `Undecodable` when it gives nothing that can be shown,
        `Unavailable` when that is our own fault.
        """
        source = self._source(address, requested)
        name = preview_name(source.address, size)
        if (found := self._cached(name, source)) is not None:
            return found
        self._check_failures(source, name)
        with exclusive(self._directory, name, patience=self._patience):
            # Somebody else may have made it, or failed, while we waited.
            if (found := self._cached(name, source)) is not None:
                return found
            self._check_failures(source, name)
            return self._make(name, source, size)

    def _source(self, address: str, requested: str) -> Source:
        key = self._links.key(address, requested=requested)
        if key is None:
            return Source(address)
        stored = self._storage.find(key)
        return Source(f"stored:{key.folder}/{quote_name(key.name)}", stored)

    def _cached(self, name: str, source: Source) -> Preview | None:
        for extension, media_type in _TYPES.items():
            with contextlib.suppress(FileNotFoundError):
                path = self._directory / f"{name}.{extension}"
                file = path.open("rb")
                facts = os.fstat(file.fileno())
                return self._preview(
                    file, name, media_type, facts.st_size, facts.st_mtime_ns, source
                )
        return None

    def _check_failures(self, source: Source, name: str) -> None:
        if source.stored is None:
            self._failures.check(_digest("source", source.address))
        self._failures.check(name)

    def _make(self, name: str, source: Source, size: Size) -> Preview:
        with self._picture_file(source) as path:
            try:
                picture = self._draw(path, size)
            except Undecodable as error:
                self._failures.remember(name, error)
                raise
        modified_ns = source.stored.stored_ns if source.stored else time.time_ns()
        self._publish(name, picture, modified_ns, source)
        return self._preview(
            io.BytesIO(picture.data),
            name,
            picture.media_type,
            len(picture.data),
            modified_ns,
            source,
        )

    @contextlib.contextmanager
    def _picture_file(self, source: Source) -> Iterator[Path]:
        """Have the source as a file for the body of the `with`."""
        if source.stored is not None and isinstance(self._storage, HasPaths):
            yield self._storage.path(source.stored.key)
            return
        with self._scratch() as (path, file):
            if source.stored is not None:
                self._copy(source.stored.key, file)
            else:
                self._fetch_remembering(source, file)
            file.flush()
            yield path

    def _fetch_remembering(self, source: Source, file: BinaryIO) -> None:
        try:
            with partials.disk_errors():
                self._fetch(source.address, file)
        except _OF_THE_SOURCE as error:
            self._failures.remember(_digest("source", source.address), error)
            raise

    def _copy(self, key: Key, file: BinaryIO) -> None:
        _, original = self._storage.open(key)
        with original:
            while piece := original.read(1 << 16):
                file.write(piece)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Have an empty file that is gone afterwards, and after a kill at the next sweep."""
        dir_fd = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        name = partials.new_partial()
        try:
            with partials.disk_errors():
                file = os.fdopen(partials.create_locked(name, dir_fd=dir_fd), "wb")
            try:
                yield self._directory / name, file
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=dir_fd)
                with contextlib.suppress(OSError):
                    file.close()
        finally:
            os.close(dir_fd)

    def _publish(self, name: str, picture: Picture, modified_ns: int, source: Source) -> None:
        file_name = f"{name}.{picture.extension}"
        try:
            partials.publish(
                self._directory,
                file_name,
                picture.data,
                mode=self._file_mode,
                modified_ns=modified_ns,
            )
        except (NoRoom, partials.StorageFailed) as error:
            # Whoever asks gets it all the same; it is made again the next time.
            log.warning("a preview was not kept: %s", error)
            return
        if source.stored is not None:
            try:
                self._storage.find(source.stored.key)
            except UploadsvcError:
                # Removed while its preview was made: the preview must not outlive it.
                (self._directory / file_name).unlink(missing_ok=True)
                raise

    def _preview(
        self,
        file: BinaryIO,
        name: str,
        media_type: str,
        size: int,
        modified_ns: int,
        source: Source,
    ) -> Preview:
        since = source.stored.stored_ns if source.stored else modified_ns
        return Preview(
            file=file,
            media_type=media_type,
            size=size,
            modified_ns=modified_ns,
            tag=f"{name}-{modified_ns:x}-{size:x}",
            expires=datetime.fromtimestamp(since / 1e9, tz=UTC) + self._keep,
        )


def preview_name(address: str, size: Size) -> str:
    """Return the cache name: the MD5 of the SHA-256 of everything the preview depends on."""
    return _digest(address, str(size.width), str(size.height), "jpeg-or-png", _VERSION)


def _digest(*fields: str) -> str:
    """Return 32 hex digits; fields go in with their length, so none runs into the next."""
    canonical = hashlib.sha256()
    for field in fields:
        data = field.encode("utf-8", "surrogatepass")
        canonical.update(struct.pack(">Q", len(data)) + data)
    return hashlib.md5(canonical.digest(), usedforsecurity=False).hexdigest()
