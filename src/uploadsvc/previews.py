"""
Finds the preview of a picture, or makes it, once for all who ask at the same time.

A preview's name is a digest of what it shows, so that no address needs escaping and no
two share one. A preview of a stored file carries that file's modification time, so that
both grow old together and removal finds it.
"""

import contextlib
import io
import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Missing, NoRoom, Undecodable
from uploadsvc.failures import Failures
from uploadsvc.images import EXTENSIONS, Picture, Size, TooHeavy
from uploadsvc.links import Links
from uploadsvc.sources import Source, Sources, digest
from uploadsvc.storage import Storage, partials
from uploadsvc.storage.locks import exclusive

log = logging.getLogger(__name__)

_VERSION = "1"
"""Of how previews are drawn; another one leaves the old files to the cleaner."""


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
    path: Path | None = None
    """Where it is kept; None when it could not be."""
    source: Source | None = None
    """What it shows."""


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
        wait: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        check_room: Callable[[int], None] = lambda incoming: None,
        file_mode: int = 0o644,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        `fetch` writes what is at an address into a file; `draw` makes a picture of a file.
        `patience`: seconds to wait for somebody else who makes the same preview. `wait` is
        entered by whoever makes or waits for one, and raises to refuse it. `check_room` raises
        `NoRoom` where so many bytes more are too many.
        """
        self._directory = directory
        self._draw = draw
        self._keep = keep
        self._patience = patience
        self._wait = wait
        self._check_room = check_room
        self._file_mode = file_mode
        self._failures = Failures(directory, now=now)
        self._sources = Sources(
            storage,
            directory,
            links=links,
            fetch=fetch,
            check_room=check_room,
            failures=self._failures,
        )

    def find(self, address: str, size: Size, *, requested: str) -> Preview:
        """
        Return the preview of the picture at `address` that fits into `size`.

        `requested` is the base of the request, like `https://host:port`. Raise `Missing`
        when the source has no such file, `BadInput` for what is no address, `NotAllowed` when
        it may not be fetched, `SourceFailed`, `TooLarge` or `Undecodable` when it gives
        nothing that can be shown, and `Unavailable`, `NoRoom` or `StorageFailed` when that is
        our own fault.
        """
        source = self._sources.locate(address, requested=requested)
        name = preview_name(source.address, size)
        if (found := self._found(name, source)) is not None:
            return found
        # Uploads and the previews that are there must not wait for those who wait here.
        with self._wait():
            return self._find_or_make(name, source, size)

    def read_again(self, preview: Preview) -> bytes | None:
        """
        Return the bytes of a preview that was found, without waiting for the disk.

        None when it or its source is gone, or the disk would have to be read.
        """
        if preview.path is None or preview.source is None:
            return None
        if not self._sources.is_there(preview.source):
            return None
        with contextlib.suppress(FileNotFoundError):
            # The system's own calls: this is the whole work of most answers.
            fd = os.open(preview.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                facts = os.fstat(fd)
                if (facts.st_mtime_ns, facts.st_size) == (preview.modified_ns, preview.size):
                    return _read_at_hand(fd, preview.size)
            finally:
                os.close(fd)
        return None

    def _find_or_make(self, name: str, source: Source, size: Size) -> Preview:
        with contextlib.ExitStack() as held:
            # Where not even a lock has room, it is made for each who asks.
            with contextlib.suppress(NoRoom):
                held.enter_context(exclusive(self._directory, name, patience=self._patience))
            # Somebody else may have made it, or failed, while we waited.
            return self._found(name, source) or self._make(name, source, size)

    def _found(self, name: str, source: Source) -> Preview | None:
        """Return the preview that is there, or None; raise the failure that is remembered."""
        for media_type, extension in EXTENSIONS.items():
            with contextlib.suppress(FileNotFoundError):
                path = self._directory / f"{name}.{extension}"
                file = path.open("rb")
                modified_ns = os.fstat(file.fileno()).st_mtime_ns
                return self._describe(file, name, media_type, modified_ns, source, path)
        self._sources.check_failures(source)
        self._failures.check(name)
        return None

    def _make(self, name: str, source: Source, size: Size) -> Preview:
        with self._sources.opened(source) as path:
            try:
                picture = self._draw(path, size)
            except TooHeavy as error:
                # Another size may be easier.
                self._failures.remember(name, error)
                raise
            except Undecodable as error:
                self._sources.remember(source, error)
                raise
        modified_ns = source.stored.stored_ns if source.stored else time.time_ns()
        self._keep_picture(f"{name}.{picture.extension}", picture, modified_ns, source)
        data = io.BytesIO(picture.data)
        return self._describe(data, name, picture.media_type, modified_ns, source)

    def _keep_picture(
        self, file_name: str, picture: Picture, modified_ns: int, source: Source
    ) -> None:
        try:
            self._check_room(len(picture.data))
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
        if not self._sources.is_there(source):
            # Removed while its preview was made: the preview must not outlive it.
            (self._directory / file_name).unlink(missing_ok=True)
            raise Missing("there is no such file")

    def _describe(
        self,
        file: BinaryIO,
        name: str,
        media_type: str,
        modified_ns: int,
        source: Source,
        path: Path | None = None,
    ) -> Preview:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        since = source.stored.stored_ns if source.stored else modified_ns
        return Preview(
            file=file,
            media_type=media_type,
            size=size,
            modified_ns=modified_ns,
            tag=f"{name}-{modified_ns:x}-{size:x}",
            expires=datetime.fromtimestamp(since / 1e9, tz=UTC) + self._keep,
            source=source,
            path=path,
        )


def _read_at_hand(fd: int, size: int) -> bytes | None:
    data = bytearray(size)
    with contextlib.suppress(BlockingIOError):
        if os.preadv(fd, [data], 0, os.RWF_NOWAIT) == size:
            return bytes(data)
    return None


def preview_name(address: str, size: Size) -> str:
    """Return the cache name: a digest of everything that the preview depends on."""
    return digest(address, str(size.width), str(size.height), "jpeg-or-png", _VERSION)
