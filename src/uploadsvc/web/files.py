"""
`GET` and `HEAD` of stored files, with ranges and conditional requests (RFC 9110).
"""

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from webob import Request, Response
from webob.dec import wsgify

from uploadsvc import mediatypes
from uploadsvc.errors import BadInput, Missing
from uploadsvc.storage import Key, Storage, StoredFile
from uploadsvc.web.errors import BadRange, allow
from uploadsvc.web.headers import cache_until, protect

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PIECE = 1 << 18


def files(
    storage: Storage,
    *,
    keep: timedelta,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> "WSGIApplication":
    """Return the endpoint: it serves `/FOLDER/NAME` below where it is mounted."""

    @wsgify
    def endpoint(request: Request) -> Response:
        allow(request, "GET", "HEAD")
        stored, file = storage.open(_key(request))
        head = file.read(mediatypes.HEAD_BYTES)
        file.seek(0)
        response = Response(conditional_response=True)
        protect(
            response,
            media_type=mediatypes.media_type(head, stored.key.name),
            name=stored.key.name,
        )
        cache_until(response, stored.stored_at + keep, now=now())
        response.accept_ranges = "bytes"
        response.etag = _tag(stored)
        response.last_modified = stored.stored_at
        response.app_iter = FileBytes(file)
        response.content_length = stored.size
        try:
            check_range(request, response, stored.size)
        except BadRange:
            file.close()
            raise
        return response

    return endpoint


def check_range(request: Request, response: Response, size: int) -> None:
    """Raise `BadRange` when a range is asked for that the answer does not have."""
    if "," in request.headers.get("Range", ""):
        # Several ranges at once are answered with the whole (RFC 9110 14.2 allows it).
        del request.headers["Range"]
    asked = request.range
    if asked is None or asked.content_range(size) is not None:
        return
    # RFC 9110 13.2.2: the other conditions come first, and may make the range meaningless.
    if request.if_none_match and response.etag in request.if_none_match:
        return
    if response in request.if_range:
        raise BadRange(size)


class FileBytes:
    """The bytes of an open file, or a range of them; closes the file at the end."""

    def __init__(self, file: BinaryIO, *, start: int = 0, stop: int | None = None) -> None:
        """`stop` is the first byte that is not given."""
        self._file = file
        self._start = start
        self._stop = stop

    def app_iter_range(self, start: int, stop: int) -> Iterable[bytes]:
        """Return only the bytes from `start` up to `stop` (what WebOb asks for a range)."""
        return FileBytes(self._file, start=start, stop=stop)

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._start)
        left = _PIECE if self._stop is None else self._stop - self._start
        while left > 0 and (piece := self._file.read(min(_PIECE, left))):
            yield piece
            if self._stop is not None:
                left -= len(piece)

    def close(self) -> None:
        self._file.close()


def _key(request: Request) -> Key:
    # PEP 3333: the path's bytes, percent-decoded once by the server, as latin-1.
    path = os.fsdecode(request.environ.get("PATH_INFO", "").encode("latin-1"))
    folder, _, name = path.removeprefix("/").partition("/")
    try:
        return Key(folder, name)
    except BadInput as error:
        raise Missing("there is no such file") from error


def _tag(stored: StoredFile) -> str:
    return f"{stored.stored_ns:x}-{stored.size:x}"
