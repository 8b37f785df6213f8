"""
Finds the preview of a picture, or makes it, once for all who ask at the same time.

A preview is a file below one folder, under a name that follows from what is asked. One that
shows less than the picture has, since its format cannot, is marked as flat: whoever may get
any format must not get that one.
"""

import contextlib
import io
import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Missing, NoRoom, Undecodable, UploadsvcError
from uploadsvc.failures import Failures
from uploadsvc.images import MEDIA_TYPES, Picture, TooHeavy, Variant
from uploadsvc.made import Made, note, noted
from uploadsvc.sources import Source, Sources, is_there
from uploadsvc.storage import partials
from uploadsvc.storage.locks import exclusive

log = logging.getLogger(__name__)

_FLAT = "-flat"


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
        directory: Path,
        sources: Sources,
        *,
        draw: Callable[[Path, Variant], Picture],
        failures: Failures,
        keep: timedelta,
        patience: float,
        wait: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        check_room: Callable[[int], None] = lambda incoming: None,
        added: Callable[[int], None] = lambda size: None,
        used: Callable[[int, os.stat_result], None] = lambda fd, facts: None,
        file_mode: int = 0o644,
        dir_mode: int = 0o755,
    ) -> None:
        """
        `draw` makes a picture of a file. `patience`: seconds to wait for somebody else who
        makes the same preview. `wait` is entered by whoever makes or waits for one, and raises
        to refuse it. `check_room` raises `NoRoom` where so many bytes more are too many.
        `added` is told the bytes of each preview that is kept, `used` of each file that is
        asked for again.
        """
        self._directory = directory
        self._sources = sources
        self._draw = draw
        self._failures = failures
        self._keep = keep
        self._patience = patience
        self._wait = wait
        self._check_room = check_room
        self._added = added
        self._used = used
        self._file_mode = file_mode
        self._dir_mode = dir_mode

    def find(self, source: Source, variant: Variant, name: str) -> Preview:
        """
        Return the preview of the source, which is kept under that name.

        `name` is its path below the folder, of one or two parts and without extension. Raise
        `SourceFailed`, `TooLarge`, `NotAllowed`, `BadInput` or `Undecodable` when the source
        gives nothing that can be shown, `Missing` when it is gone, and `Unavailable`, `NoRoom`
        or `StorageFailed` when that is our own fault.
        """
        if (found := self._found(source, variant, name)) is not None:
            return found
        # Uploads and the previews that are there must not wait for those who wait here.
        with self._wait(), contextlib.ExitStack() as held:
            # Where not even a lock has room, it is made for each who asks.
            with contextlib.suppress(NoRoom):
                lock = name.replace("/", "-")
                held.enter_context(exclusive(self._directory, lock, patience=self._patience))
            # Somebody else may have made it, or failed, while we waited.
            found = self._found(source, variant, name)
            return found or self._make(source, variant, name)

    def read_again(self, preview: Preview) -> bytes | None:
        """
        Return the bytes of a preview that was found, without waiting for the disk.

        None when it or its source is gone, or the disk would have to be read.
        """
        if preview.path is None or preview.source is None or not is_there(preview.source):
            return None
        with contextlib.suppress(FileNotFoundError):
            # The system's own calls: this is the whole work of most answers.
            fd = os.open(preview.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                facts = os.fstat(fd)
                if (facts.st_mtime_ns, facts.st_size) == (preview.modified_ns, preview.size):
                    self._used(fd, facts)
                    return _read_at_hand(fd, preview.size)
            finally:
                os.close(fd)
        return None

    def forget(self, source: Source) -> list[str]:
        """Remove every preview of the source; return the names of those that were there."""
        gone = []
        for made in self._made(source):
            with contextlib.suppress(FileNotFoundError):
                (self._directory / made.name).unlink()
                gone.append(made.name)
        if source.notes is not None:
            source.notes.unlink(missing_ok=True)
        return gone

    def names(self, source: Source) -> list[str]:
        """Return the name of each preview of the source that is kept, its extension too."""
        return [made.name for made in self._made(source) if (self._directory / made.name).is_file()]

    def _made(self, source: Source) -> list[Made]:
        return list(noted(source.notes).values()) if source.notes is not None else []

    def _found(self, source: Source, variant: Variant, name: str) -> Preview | None:
        """Return the preview that is there, or None; raise the failure that is remembered."""
        for file_name in _candidates(name, variant):
            with contextlib.suppress(FileNotFoundError):
                path = self._directory / file_name
                file = path.open("rb")
                facts = os.fstat(file.fileno())
                self._used(file.fileno(), facts)
                return self._describe(file, facts.st_mtime_ns, source, path)
        self._sources.check_failures(source)
        self._failures.check(name.replace("/", "-"))
        return None

    def _make(self, source: Source, variant: Variant, name: str) -> Preview:
        picture = self._from_larger(source, variant) or self._from_source(source, variant, name)
        modified_ns = source.stored.stored_ns if source.stored else time.time_ns()
        flat = "" if picture.faithful or variant.format == "auto" else _FLAT
        file_name = f"{name}{flat}.{picture.extension}"
        if self._is_kept(file_name, picture, modified_ns, source, variant):
            self._added(len(picture.data))
        path = self._directory / file_name
        return self._describe(io.BytesIO(picture.data), modified_ns, source, path, kept=False)

    def _from_source(self, source: Source, variant: Variant, name: str) -> Picture:
        with self._sources.opened(source) as path:
            try:
                return self._draw(path, variant)
            except TooHeavy as error:
                # Another size may be easier.
                self._failures.remember(name.replace("/", "-"), error)
                raise
            except Undecodable as error:
                self._sources.remember(source, error)
                raise

    def _from_larger(self, source: Source, variant: Variant) -> Picture | None:
        """Draw from the largest preview that is at hand and large enough, if there is one."""
        suitable = [made for made in self._made(source) if made.is_enough_for(variant)]
        for made in sorted(suitable, key=lambda made: -made.width):
            path = self._directory / made.name
            # Broken on the disk, or gone at this very moment: the source knows better.
            with contextlib.suppress(UploadsvcError):
                if path.is_file():
                    return self._draw(path, replace(variant, full=made.full))
        return None

    def _is_kept(
        self,
        file_name: str,
        picture: Picture,
        modified_ns: int,
        source: Source,
        variant: Variant,
    ) -> bool:
        path = self._directory / file_name
        try:
            self._check_room(len(picture.data))
            self._publish(path, picture.data, modified_ns)
        except (NoRoom, partials.StorageFailed) as error:
            # Whoever asks gets it all the same; it is made again the next time.
            log.warning("a preview was not kept: %s", error)
            return False
        if source.notes is not None:
            stamp = source.stored.stored_ns if source.stored else None
            note(source.notes, Made.of(picture, file_name, variant), modified_ns=stamp)
        # Only now: whoever removes the source from here on finds the note.
        if not is_there(source):
            # Removed while its preview was made: the preview must not outlive it.
            path.unlink(missing_ok=True)
            if source.notes is not None:
                source.notes.unlink(missing_ok=True)
            raise Missing("there is no such file")
        return True

    def _publish(self, path: Path, data: bytes, modified_ns: int) -> None:
        if path.parent != self._directory:
            with partials.disk_errors(), contextlib.suppress(FileExistsError):
                path.parent.mkdir()
                path.parent.chmod(self._dir_mode)
        partials.publish(
            path.parent, path.name, data, mode=self._file_mode, modified_ns=modified_ns
        )

    def _describe(
        self, file: BinaryIO, modified_ns: int, source: Source, path: Path, *, kept: bool = True
    ) -> Preview:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        since = source.stored.stored_ns if source.stored else modified_ns
        return Preview(
            file=file,
            media_type=MEDIA_TYPES[path.suffix[1:]],
            size=size,
            modified_ns=modified_ns,
            tag=f"{path.name}-{modified_ns:x}-{size:x}",
            expires=datetime.fromtimestamp(since / 1e9, tz=UTC) + self._keep,
            source=source,
            path=path if kept else None,
        )


def _candidates(name: str, variant: Variant) -> list[str]:
    names = [f"{name}.{extension}" for extension in variant.extensions]
    if variant.format != "auto":
        names += [f"{name}{_FLAT}.{extension}" for extension in variant.extensions]
    return names


def _read_at_hand(fd: int, size: int) -> bytes | None:
    data = bytearray(size)
    with contextlib.suppress(BlockingIOError):
        if os.preadv(fd, [data], 0, os.RWF_NOWAIT) == size:
            return bytes(data)
    return None
