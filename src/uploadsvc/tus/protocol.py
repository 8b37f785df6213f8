"""
The rules of tus 1.0.0, from values to values: no files, no sockets, no clock.

Sections are named as in the specification (tus.io/protocols/resumable-upload). Headers are a
mapping from their names as the specification writes them; whoever calls may use one that
does not tell upper and lower case apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from uploadsvc.errors import BadInput, Conflict, NotAllowed, TooLarge, UploadsvcError
from uploadsvc.tus.checksum import ALGORITHMS, Checksum
from uploadsvc.tus.metadata import Metadata

VERSION = "1.0.0"
EXTENSIONS = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "expiration",
    "checksum",
    "concatenation",
    "termination",
)
BYTES = "application/offset+octet-stream"

_MOST_DIGITS = 18
_MOST_PARTS = 1000


class UnsupportedVersion(UploadsvcError):
    code = "unsupported-version"


class WrongType(BadInput):
    code = "wrong-type"


class OffsetMismatch(Conflict):
    code = "offset-mismatch"

    def __init__(self, offset: int) -> None:
        super().__init__(f"the upload is at {offset}")
        self.offset = offset


@dataclass(frozen=True)
class Creation:
    """What a POST asks for."""

    length: int | None
    """Bytes of the whole; None while nobody knows."""
    metadata: Metadata = field(default_factory=Metadata)
    is_partial: bool = False
    parts: tuple[str, ...] = ()
    """Addresses of the partial uploads that a final one is made of."""


@dataclass(frozen=True)
class Upload:
    """An upload as it stands."""

    offset: int
    """How many bytes of it are on disk for good."""
    length: int | None
    metadata: Metadata = field(default_factory=Metadata)
    is_partial: bool = False
    parts: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        return self.offset == self.length


@dataclass(frozen=True)
class Append:
    """What a PATCH may add."""

    at_most: int
    """Bytes."""
    length: int | None
    """Of the whole, now that it is said; None while nobody knows."""
    checksum: Checksum | None
    incoming: int = 0
    """Bytes that it says it brings; 0 where it does not say."""


def announcement(*, max_size: int) -> dict[str, str]:
    """Return the headers of an OPTIONS answer (Core: OPTIONS; Checksum)."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": ",".join(EXTENSIONS),
        "Tus-Max-Size": str(max_size),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def method_of(method: str, headers: Mapping[str, str]) -> str:
    """Return the method that counts (Core: X-HTTP-Method-Override)."""
    return headers.get("X-HTTP-Method-Override", "").strip().upper() or method


def check_version(headers: Mapping[str, str]) -> None:
    """Raise `UnsupportedVersion` unless the client speaks ours (Core: Tus-Resumable)."""
    if headers.get("Tus-Resumable") != VERSION:
        raise UnsupportedVersion(f"expected Tus-Resumable: {VERSION}")


def read_creation(headers: Mapping[str, str], *, max_size: int) -> Creation:
    """
    Return what a POST asks for (Creation: POST; Concatenation).

    Raise `BadInput`, or `TooLarge` past `max_size` bytes.
    """
    metadata = Metadata.parse(headers.get("Upload-Metadata", ""))
    kind, _, addresses = headers.get("Upload-Concat", "").strip().partition(";")
    if kind == "final":
        return Creation(length=None, metadata=metadata, parts=_parts(addresses))
    if kind not in ("", "partial") or addresses:
        raise BadInput("Upload-Concat must be `partial`, or `final;` and the parts")
    length, deferred = headers.get("Upload-Length"), headers.get("Upload-Defer-Length")
    if (length is None) == (deferred is None):
        raise BadInput("expected either Upload-Length or Upload-Defer-Length")
    if deferred not in (None, "1"):
        raise BadInput("Upload-Defer-Length can only be 1")
    return Creation(
        length=None if length is None else _length(length, max_size=max_size),
        metadata=metadata,
        is_partial=kind == "partial",
    )


def has_bytes(headers: Mapping[str, str], *, incoming: int | None) -> bool:
    """
    Whether a POST brings the first bytes along (Creation With Upload).

    `incoming` is the length of its body, None where that is not said. Raise `WrongType` for
    a body of another type.
    """
    if _kind(headers) == BYTES:
        return incoming is None or incoming > 0
    if incoming:
        raise WrongType(f"expected a body of type {BYTES}")
    return False


def check_append(
    upload: Upload, headers: Mapping[str, str], *, incoming: int | None, max_size: int
) -> Append:
    """
    Return what a PATCH may add (Core: PATCH; Creation; Checksum).

    `incoming` is the length of its body, None where that is not said. Raise `WrongType`,
    `BadInput`, `NotAllowed`, `OffsetMismatch` or `TooLarge`.
    """
    if upload.parts:
        raise NotAllowed("a final upload is made of its parts and takes no bytes")
    if _kind(headers) != BYTES:
        raise WrongType(f"expected a body of type {BYTES}")
    if _number(headers.get("Upload-Offset"), "Upload-Offset") != upload.offset:
        raise OffsetMismatch(upload.offset)
    return first_append(upload, headers, incoming=incoming, max_size=max_size)


def first_append(
    upload: Upload, headers: Mapping[str, str], *, incoming: int | None, max_size: int
) -> Append:
    """Return what the body of a POST may add; as `check_append`, but it has no offset."""
    length = _declared_length(upload, headers, max_size=max_size)
    at_most = (max_size if length is None else length) - upload.offset
    if incoming is not None and incoming > at_most:
        raise TooLarge(f"the upload can take {at_most} more bytes")
    checksum = headers.get("Upload-Checksum")
    return Append(
        at_most=at_most,
        length=length,
        checksum=None if checksum is None else Checksum.parse(checksum),
        incoming=incoming or 0,
    )


def description(upload: Upload) -> dict[str, str]:
    """Return the headers that tell where an upload stands (Core: HEAD; Creation; Concatenation)."""
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.length is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.length)
    if upload.metadata.sent:
        headers["Upload-Metadata"] = upload.metadata.sent
    if upload.is_partial:
        headers["Upload-Concat"] = "partial"
    elif upload.parts:
        headers["Upload-Concat"] = "final;" + " ".join(upload.parts)
    return headers


def _declared_length(upload: Upload, headers: Mapping[str, str], *, max_size: int) -> int | None:
    sent = headers.get("Upload-Length")
    if sent is None:
        return upload.length
    length = _length(sent, max_size=max_size)
    if upload.length is not None and length != upload.length:
        raise BadInput("Upload-Length cannot be changed")
    if length < upload.offset:
        raise BadInput("Upload-Length is less than what has come already")
    return length


def _parts(addresses: str) -> tuple[str, ...]:
    parts = tuple(addresses.split())
    if not parts or len(parts) > _MOST_PARTS:
        raise BadInput(f"a final upload is made of 1 to {_MOST_PARTS} parts")
    if not (addresses.isascii() and addresses.isprintable()):
        raise BadInput("Upload-Concat holds what is no address")
    return parts


def _length(sent: str, *, max_size: int) -> int:
    length = _number(sent, "Upload-Length")
    if length > max_size:
        raise TooLarge(f"the file is larger than {max_size} bytes")
    return length


def _number(sent: str | None, name: str) -> int:
    if sent is None or not (sent.isascii() and sent.isdigit()):
        raise BadInput(f"{name} must be a whole number")
    if len(sent) > _MOST_DIGITS:
        raise TooLarge(f"{name} is more than any file has")
    return int(sent)


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
