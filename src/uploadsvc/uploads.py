"""
Takes an upload: gives it its name, keeps its bytes, and says what it is.

A life that is shorter than that of all files is kept as age: the file counts as that much
older, so that everything that goes by its age obeys.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from uploadsvc import mediatypes
from uploadsvc.storage import Adopts, CannotAdopt, Storage, StoredFile
from uploadsvc.storage.names import safe_name
from uploadsvc.storage.partials import disk_errors

_PIECE = 1 << 18


@dataclass(frozen=True)
class Received:
    stored: StoredFile
    media_type: str
    expires: datetime
    sha256: str | None = None
    """Hexadecimal, where it was asked for."""


def receive(
    storage: Storage,
    sent_name: str,
    chunks: Iterable[bytes],
    *,
    keep: timedelta,
    expected: int = 0,
    life: Callable[[], timedelta | None] | None = None,
    hashed: bool = False,
) -> Received:
    """
    Keep the chunks as a file and return what was kept.

    `sent_name` is what the client calls the file; a name without a dot gets the extension
    of the picture that its first bytes show. `expected` is at least how many bytes will come.
    `life` is called when all have come, and may give a shorter life than `keep`. With
    `hashed` the SHA-256 is told. Errors are those of `Storage.save` and of the chunks.
    """
    digest = hashlib.sha256() if hashed else None
    pieces = iter(chunks)
    head = _first_bytes(pieces)
    name = safe_name(sent_name, mediatypes.image_extension(head))
    whole = itertools.chain([head], pieces)
    stored = storage.save(
        name,
        whole if digest is None else _hashing(whole, digest.update),
        expected=expected,
        aged_ns=lambda: aged_ns(life() if life else None, keep),
    )
    return describe(stored, head, keep=keep, sha256=digest.hexdigest() if digest else None)


def adopt(
    storage: Storage,
    sent_name: str,
    file: Path,
    *,
    keep: timedelta,
    life: timedelta | None = None,
    folder: str | None = None,
) -> Received:
    """
    Keep a file that is on disk already; return what was kept. The old file stays.

    Its bytes are copied only where the storage cannot adopt it. With `folder`, what the
    folder is called; `Conflict` when there is one. Errors are those of `Storage.save`.
    """
    with disk_errors():
        source = file.open("rb")
    with source:
        head = source.read(mediatypes.HEAD_BYTES)
        name = safe_name(sent_name, mediatypes.image_extension(head))
        aged = aged_ns(life, keep)
        if isinstance(storage, Adopts):
            try:
                stored = storage.adopt(file, name, folder=folder, aged_ns=aged)
            except CannotAdopt:
                pass
            else:
                return describe(stored, head, keep=keep)
        source.seek(0)
        stored = storage.save(
            name,
            iter(lambda: source.read(_PIECE), b""),
            folder=None if folder is None else lambda: folder,
            aged_ns=lambda: aged,
        )
    return describe(stored, head, keep=keep)


def describe(
    stored: StoredFile, head: bytes, *, keep: timedelta, sha256: str | None = None
) -> Received:
    """Return what is known of a stored file; `head` are its first `mediatypes.HEAD_BYTES`."""
    return Received(
        stored=stored,
        media_type=mediatypes.media_type(head, stored.key.name),
        expires=stored.stored_at + keep,
        sha256=sha256,
    )


def aged_ns(life: timedelta | None, keep: timedelta) -> int:
    """Return how many nanoseconds older than it is a file counts that is to live so long."""
    if life is None or life >= keep:
        return 0
    return (keep - life) // timedelta(microseconds=1) * 1000


def _hashing(pieces: Iterable[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def _first_bytes(pieces: Iterator[bytes]) -> bytes:
    """Take pieces until they are enough to tell what the file is, or until they end."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= mediatypes.HEAD_BYTES:
            break
    return head
