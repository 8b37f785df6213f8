"""
Originals: each picture once, under the ID that its own bytes give it.

The ID is known when the last byte has come; from then on whoever saves it holds its lock.
What turns out to be no picture, or other bytes under an ID that is taken, is not kept. A
picture is there when its record is: an original alone is what a kill has left, nobody was
told of it, and whoever saves it again completes it.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from uploadsvc.errors import Conflict, Missing, NoRoom
from uploadsvc.images import Facts
from uploadsvc.sized.digests import Digests
from uploadsvc.sized.ids import check_id
from uploadsvc.sized.record import Record, Told
from uploadsvc.sized.records import Records
from uploadsvc.sources import Source
from uploadsvc.storage import Key, Storage, StoredFile

_NAME = "original"
_PIECE = 1 << 20


class OtherBytes(Conflict):
    """Two files with one SHA-1: somebody made them on purpose."""

    code = "other-bytes"


class Originals:
    def __init__(
        self,
        storage: Storage,
        records: Records,
        *,
        probe: Callable[[Path], Facts],
        opened: Callable[[Source], AbstractContextManager[Path]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """
        `probe` tells what picture a file holds, and raises `Undecodable` where it holds none;
        `opened` has a source as a file for the body of its `with`.
        """
        self._storage = storage
        self._records = records
        self._probe = probe
        self._opened = opened
        self._now = now

    def save(
        self, chunks: Iterable[bytes], told: Callable[[], Told], *, expected: int = 0
    ) -> tuple[str, Record]:
        """
        Keep the chunks as an original, and what is told of it; return its ID and record.

        `told` is called when all chunks have come.

        The same bytes again only add what is told. Raise `OtherBytes` for others under the
        same ID, what `probe` raises for what is no picture, what the chunks raise and what
        `Storage.save` does; nothing is kept then.
        """
        digests, said = Digests(), Told()
        with contextlib.ExitStack() as held:

            def folder() -> str:
                nonlocal said
                said = told()
                held.enter_context(self._records.locked(digests.id))
                if self._is_stored(digests.id):
                    raise _StoredBefore
                self._records.clear(digests.id)
                return digests.id

            watched = digests.watch(chunks)
            try:
                self._storage.save(_NAME, watched, expected=expected, folder=folder)
            except _StoredBefore:
                record = self._add(digests, said)
            else:
                record = self._describe(digests, said)
        return digests.id, record

    def update(self, image: str, told: Told) -> Record:
        """Add what is told of a picture; raise `Missing` if there is none."""
        check_id(image)
        with self._records.locked(image):
            return self._merge(image, self.record(image), told)

    def record(self, image: str) -> Record:
        """Return what is known of a picture; raise `Missing` if there is none."""
        check_id(image)
        record = self._records.find(image)
        if record is None:
            raise Missing("there is no such picture")
        return record

    def find(self, image: str) -> StoredFile:
        """Return the facts of the original; raise `Missing` if there is none."""
        check_id(image)
        with _missing_pictures():
            stored = self._storage.find(Key(image, _NAME))
        if not self._records.is_there(image):
            raise Missing("there is no such picture")
        return stored

    def open(self, image: str) -> tuple[Record, StoredFile, BinaryIO]:
        """Return what is known of a picture, and its bytes; raise `Missing` if there is none."""
        record = self.record(image)
        with _missing_pictures():
            return record, *self._storage.open(Key(image, _NAME))

    def source(self, image: str) -> Source:
        """Return the original as the source of previews; raise `Missing` if there is none."""
        return self._source(image, self.find(image))

    def delete(self, image: str, *, forget: Callable[[Source], object]) -> None:
        """
        Remove a picture with its record, and by `forget` all previews of it.

        Raise `Missing` if there is none. What a kill interrupts is completed by the next call.
        """
        check_id(image)
        with contextlib.ExitStack() as held:
            # Where not even a lock has room, it is time to make some.
            with contextlib.suppress(NoRoom):
                held.enter_context(self._records.locked(image))
            was_there = self._is_stored(image) or self._records.is_there(image)
            self._records.delete(image)
            self._storage.delete(Key(image, _NAME))
            # After the original: a preview that is being made sees that it is gone.
            forget(self._source(image))
            self._records.clear(image)
        if not was_there:
            raise Missing("there is no such picture")

    def __iter__(self) -> Iterator[str]:
        """The IDs of all pictures, in no promised order; some may be gone by the time."""
        return iter(self._records)

    def _describe(self, digests: Digests, told: Told) -> Record:
        """Write the record of an original that has none."""
        key = Key(digests.id, _NAME)
        try:
            stored = self._storage.find(key)
            with self._opened(self._source(digests.id, stored)) as path:
                facts = self._probe(path)
            record = Record.of(
                facts, told, sha256=digests.sha256, size=stored.size, now=self._now()
            )
            self._records.write(digests.id, record)
        except BaseException:
            self._storage.delete(key)
            raise
        return record

    def _add(self, digests: Digests, told: Told) -> Record:
        """Add what is told of an original that is there, if these are its bytes."""
        record = self._records.find(digests.id)
        known = record.sha256 if record else self._sha256(digests.id)
        if known != digests.sha256:
            raise OtherBytes("there is another picture with the same SHA-1")
        return self._merge(digests.id, record, told) if record else self._describe(digests, told)

    def _merge(self, image: str, record: Record, told: Told) -> Record:
        merged = record.merged(told, now=self._now())
        if merged is not record:
            self._records.write(image, merged)
        return merged

    def _sha256(self, image: str) -> str:
        _, file = self._storage.open(Key(image, _NAME))
        digests = Digests()
        with file:
            for _ in digests.watch(iter(lambda: file.read(_PIECE), b"")):
                pass
        return digests.sha256

    def _is_stored(self, image: str) -> bool:
        try:
            self._storage.find(Key(image, _NAME))
        except Missing:
            return False
        return True

    def _source(self, image: str, stored: StoredFile | None = None) -> Source:
        notes = self._records.notes(image)
        return Source(f"original:{image}", stored, self._storage, notes=notes)


class _StoredBefore(Exception):
    pass


@contextlib.contextmanager
def _missing_pictures() -> Iterator[None]:
    try:
        yield
    except Missing as error:
        raise Missing("there is no such picture") from error
