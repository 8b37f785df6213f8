"""
Keeps unfinished uploads, and makes a stored file of each that is whole.

In one folder lie, for each upload, its record and, until it is stored, its bytes. All state is
there, so the next request may come to any process of any host that shares it.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from uploadsvc import uploads
from uploadsvc.errors import BadInput, Missing, TooLarge
from uploadsvc.storage import Key, Storage
from uploadsvc.storage.locks import exclusive
from uploadsvc.storage.names import new_folder
from uploadsvc.storage.partials import disk_errors
from uploadsvc.tus.asking import Asking
from uploadsvc.tus.files import Files, make_empty
from uploadsvc.tus.holding import Held, held, held_if_free, write_record
from uploadsvc.tus.joining import join_files
from uploadsvc.tus.metadata import Metadata
from uploadsvc.tus.protocol import Creation, Upload
from uploadsvc.tus.record import Record
from uploadsvc.tus.standing import Standing, Standings
from uploadsvc.tus.storing import Storing, file_name
from uploadsvc.tus.working import HeldUpload
from uploadsvc.uploads import Received

_PATIENCE = 5.0
_HASH_PATIENCE = 60.0
"""Seconds: for another request, and for somebody who reads all of a large file."""


class Uploads:
    def __init__(
        self,
        root: Path,
        storage: Storage,
        *,
        keep: timedelta,
        keep_partial: timedelta,
        max_size: int,
        asking: Asking,
        check_room: Callable[[int], None] = lambda incoming: None,
        remove: Callable[[Key], object] | None = None,
        patience: float = _PATIENCE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        `root` must be in the file system of the storage, or bytes are copied.

        Stored files live for `keep`, unfinished uploads for `keep_partial` after their last
        change. `max_size` is in bytes; `check_room` raises `NoRoom` where so many more are
        too many; `remove` takes a stored file down. A request waits `patience` seconds for
        another one to let go.
        """
        self.max_size = max_size
        self._files = Files(root)
        self._storing = Storing(storage, keep, now)
        self._standings = Standings(self._files, self._storing, keep_partial, now)
        self._asking = asking
        self._check_room = check_room
        self._take_down = remove or storage.delete
        self._patience = patience

    def create(self, creation: Creation) -> Standing:
        """
        Begin an upload; one of no bytes, or one that is made of others, is stored at once.

        Raise `BadInput` for metadata that says nothing, and for parts that are not whole;
        `TooLarge`, `NoRoom`.
        """
        self._check(creation.metadata)
        if creation.parts:
            return self._join(creation)
        self._check_room(creation.length or 0)
        upload = Upload(0, creation.length, creation.metadata, creation.is_partial)
        id = _new_id()
        with disk_errors():
            # Before the record, whose writing syncs the folder.
            make_empty(self._files.bytes(id))
        return self._begin(id, Record(upload, new_folder()))

    def create_whole(
        self, creation: Creation, pieces: Iterable[bytes], *, hashed: bool
    ) -> Standing:
        """
        Take an upload whose bytes all come with its creation: straight into the storage.

        If they break off, nothing is kept: nobody was told its address. With `hashed` its
        SHA-256 is told.
        """
        storing, metadata = self._storing, creation.metadata
        self._check(metadata)
        received = uploads.receive(
            storing.storage,
            file_name(metadata),
            pieces,
            keep=storing.keep,
            expected=creation.length or 0,
            life=lambda: storing.life(metadata, is_checked=True),
            hashed=hashed,
        )
        key, size = received.stored.key, received.stored.size
        record = Record(Upload(size, size, metadata), key.folder, key.name, received.sha256)
        id = _new_id()
        try:
            # Nothing is left to be done for it, nor told that is not known here.
            with disk_errors():
                os.close(write_record(self._files.record(id), record, is_first=True))
        except BaseException:
            # Nobody is told its link.
            self._take_down(key)
            raise
        return Standing(id, record.upload, received.expires, key, received)

    def find(self, id: str) -> Standing:
        """Return how an upload stands; nobody is asked to let go. Raise `Missing` or `Gone`."""
        record, changed_ns = self._read(id)
        return self._standings.of(id, record, changed_ns)

    @contextlib.contextmanager
    def held(
        self, id: str, *, let_go: Callable[[], None] | None = None, to_remove: bool = False
    ) -> Iterator[HeldUpload]:
        """
        Have an upload to oneself for the body of the `with`; ask whoever has it to let go.

        `let_go` is called when somebody else asks: it ends the reading of what comes. What is
        whole is stored first, unless it is `to_remove`. Raise `Missing`, `Gone` when its time is
        over, `Locked`, and what storing raises.
        """
        asking, patience = self._asking, self._patience
        with held(self._files.record(id), asking=asking, patience=patience) as mine:
            upload = self._upload(id, mine)
            if to_remove:
                upload.check_time()
            else:
                upload.settle()
            with asking.heard(id, let_go) if let_go else contextlib.nullcontext():
                yield upload

    def let_all_go(self) -> None:
        """Have all requests of this process that are at an upload end, and keep what has come."""
        self._asking.let_all_go()

    def received(self, id: str, *, hashed: bool = True) -> Received:
        """
        Return what is known of the stored file; raise `Missing` before it is one, or `Gone`.

        With `hashed` its SHA-256 too, which is computed once.
        """
        record, changed_ns = self._read(id)
        key = self._standings.of(id, record, changed_ns).key
        if key is None:
            raise Missing("the upload is not finished")
        if hashed and record.sha256 is None:
            record = self._hashed(id, key)
        return self._storing.received(key, sha256=record.sha256)

    def _hashed(self, id: str, key: Key) -> Record:
        # One at a time: each reads the whole file.
        with exclusive(self._files.root, f"hash-{id}", patience=_HASH_PATIENCE):
            record, _ = self._read(id)
            if record.sha256 is not None:
                return record
            record = replace(record, sha256=self._storing.sha256(key))
            with held_if_free(self._files.record(id)) as mine:
                # Whoever has it may be removing it; then the next one computes it again.
                if mine is not None:
                    mine.replace(record)
            return record

    def _check(self, metadata: Metadata) -> None:
        """Raise `BadInput` now for what could not be used when all has come."""
        file_name(metadata)
        self._storing.life(metadata)

    def _begin(self, id: str, record: Record) -> Standing:
        """Write the first record of an upload; if that, or storing it, fails, leave nothing."""
        path = self._files.record(id)
        try:
            with disk_errors():
                mine = Held(path, write_record(path, record))
        except BaseException:
            self._files.bytes(id).unlink(missing_ok=True)
            raise
        upload = self._upload(id, mine)
        try:
            upload.settle()
            return upload.standing
        except BaseException:
            upload.remove()
            raise
        finally:
            mine.close()

    def _upload(self, id: str, held: Held) -> HeldUpload:
        return HeldUpload(id, held, self._standings, self._check_room, self._take_down)

    def _join(self, creation: Creation) -> Standing:
        try:
            ids = [_last_segment(part) for part in creation.parts]
            length = sum(self._whole_part(part) for part in ids)
        except (Missing, ValueError) as error:
            raise BadInput("a part of the upload is not there") from error
        if len(set(ids)) < len(ids):
            raise BadInput("a final upload is made of different parts")
        if length > self.max_size:
            raise TooLarge(f"the file is larger than {self.max_size} bytes")
        self._check_room(length)
        id = _new_id()
        if self._write_joined(ids, self._files.bytes(id)) != length:
            self._files.bytes(id).unlink()
            raise BadInput("a part of the upload is not there")
        upload = Upload(length, length, creation.metadata, parts=creation.parts)
        return self._begin(id, Record(upload, new_folder()))

    def _write_joined(self, ids: list[str], into: Path) -> int:
        with disk_errors():
            try:
                parts = [self._files.bytes(part) for part in ids]
                return join_files(parts, into, check_room=self._check_room)
            except FileNotFoundError as error:
                raise BadInput("a part of the upload is not there") from error

    def _whole_part(self, id: str) -> int:
        upload = self.find(id).upload
        if not upload.is_partial or not upload.is_whole:
            raise BadInput("a final upload is made of partial uploads that are whole")
        return upload.offset

    def _read(self, id: str) -> tuple[Record, int]:
        with disk_errors():
            try:
                fd = os.open(self._files.record(id), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError as error:
                raise Missing("there is no such upload") from error
        try:
            return Record.read(fd), os.fstat(fd).st_mtime_ns
        finally:
            os.close(fd)


def _last_segment(address: str) -> str:
    """Return the ID in the address of an upload; raise ValueError for what is no address."""
    return urlsplit(address).path.rstrip("/").rpartition("/")[2]


def _new_id() -> str:
    """Return 128 bits that nobody can guess: 22 characters."""
    return secrets.token_urlsafe(16)
