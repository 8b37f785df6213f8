"""
Where bytes live.

A storage keeps whole files under keys of its own choosing. It knows nothing of HTTP,
of pictures, or of who is asking. What only some storages can do is a protocol of its
own (`HasPaths`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from uploadsvc.errors import UploadsvcError
from uploadsvc.storage.names import check_folder, check_name


@dataclass(frozen=True)
class Key:
    """What a stored file is called: its folder, unguessable, and its name."""

    folder: str
    name: str

    def __post_init__(self) -> None:
        """Raise `BadName` for what could never be the key of a stored file."""
        check_folder(self.folder)
        check_name(self.name)


@dataclass(frozen=True)
class StoredFile:
    key: Key
    size: int
    """Bytes."""
    stored_ns: int
    """When it was stored, or would have been to end when it does: nanoseconds since 1970."""
    is_short_lived: bool = False
    """Whether it was given a shorter life than others have."""

    @property
    def stored_at(self) -> datetime:
        return datetime.fromtimestamp(self.stored_ns / 1e9, tz=UTC)


class Storage(Protocol):
    def save(
        self,
        name: str,
        chunks: Iterable[bytes],
        *,
        expected: int = 0,
        folder: Callable[[], str] | None = None,
        aged_ns: Callable[[], int] = lambda: 0,
    ) -> StoredFile:
        """
        Keep the chunks as one file called `name`, in a new folder.

        When this returns, the file is on disk for good. If the chunks stop with an
        error, or the file cannot be kept whole, nothing of it is kept and the error is
        raised; `NoRoom` when space is what is missing. `expected` is at least how many
        bytes will come, so that a file that cannot fit is refused before it is read.

        `folder` is called once, when all chunks have come, and says what the folder is
        called. Raise `Conflict`, and keep nothing, when there is one of that name. `aged_ns`
        is called then too, and says how many nanoseconds older than it is the file counts:
        it goes that much sooner than others, and is short-lived when that is more than 0.
        """

    def open(self, key: Key) -> tuple[StoredFile, BinaryIO]:
        """
        Return the file's facts and its bytes; raise `Missing` if there is none.

        Raise `Gone`, which is a `Missing`, when its own shorter life is over.
        """

    def find(self, key: Key) -> StoredFile:
        """Return the file's facts; raise `Missing` or `Gone` as `open` does."""

    def delete(self, key: Key) -> None:
        """Remove the file for good. Deleting what is not there is not an error."""

    def __iter__(self) -> Iterator[StoredFile]:
        """All files, in no promised order."""


@runtime_checkable
class HasPaths(Protocol):
    """A storage whose files other programs may read by themselves."""

    def path(self, key: Key) -> Path:
        """Return where the file is; says nothing about whether it is there."""


class CannotAdopt(UploadsvcError):
    """The file must be copied: this storage cannot take it as it is."""

    code = "cannot-adopt"


@runtime_checkable
class Adopts(Protocol):
    """A storage that can take a file over without copying its bytes."""

    def adopt(
        self, file: Path, name: str, *, folder: str | None = None, aged_ns: int = 0
    ) -> StoredFile:
        """
        Keep a file of the same file system as one of ours, as `save` would have kept its bytes.

        `file` stays where it is, by its old name, until whoever gives it removes it; nobody
        may write to it any more. Raise `CannotAdopt`, and what `save` raises.
        """


__all__ = ["Adopts", "CannotAdopt", "HasPaths", "Key", "Storage", "StoredFile"]
