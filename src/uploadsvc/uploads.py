"""
Takes an upload: gives it its name, keeps its bytes, and says what it is.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from uploadsvc import mediatypes
from uploadsvc.storage import Storage, StoredFile
from uploadsvc.storage.names import safe_name


@dataclass(frozen=True)
class Received:
    stored: StoredFile
    media_type: str
    expires: datetime


def receive(
    storage: Storage,
    sent_name: str,
    chunks: Iterable[bytes],
    *,
    keep: timedelta,
    expected: int = 0,
) -> Received:
    """
    Keep the chunks as a file and return what was kept.

    `sent_name` is what the client calls the file; a name without a dot gets the extension
    of the picture that its first bytes show. `expected` is at least how many bytes will come.
    Errors are those of `Storage.save` and of the chunks themselves.
    """
    pieces = iter(chunks)
    head = _first_bytes(pieces)
    name = safe_name(sent_name, mediatypes.image_extension(head))
    stored = storage.save(name, itertools.chain([head], pieces), expected=expected)
    return Received(
        stored=stored,
        media_type=mediatypes.media_type(head, name),
        expires=stored.stored_at + keep,
    )


def _first_bytes(pieces: Iterator[bytes]) -> bytes:
    """Take pieces until they are enough to tell what the file is, or until they end."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= mediatypes.HEAD_BYTES:
            break
    return head
