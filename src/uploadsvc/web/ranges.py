"""
An open file as the body of an answer: the whole, or the range that was asked for.

Conditional requests and ranges are WebOb's (RFC 9110); what it would answer with the
client's own words is refused here first.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from webob import Request, Response

from uploadsvc.web.errors import BadRange

_PIECE = 1 << 18


def with_ranges(request: Request, response: Response, file: BinaryIO, size: int) -> Response:
    """
    Return the response with the file, which is `size` bytes, as its body.

    The response must have its other headers by now. The file is closed when it was sent.
    Raise `BadRange` when a range is asked for that the file does not have.
    """
    response.conditional_response = True
    response.accept_ranges = "bytes"
    response.app_iter = FileBytes(file)
    response.content_length = size
    if "," in request.headers.get("Range", ""):
        # Several ranges at once are answered with the whole (RFC 9110 14.2 allows it).
        del request.headers["Range"]
    if _is_beyond(request, response, size):
        file.close()
        raise BadRange(size)
    return response


def _is_beyond(request: Request, response: Response, size: int) -> bool:
    asked = request.range
    if asked is None or asked.content_range(size) is not None:
        return False
    # RFC 9110 13.2.2: the other conditions come first, and may make the range meaningless.
    if request.if_none_match and response.etag in request.if_none_match:
        return False
    return response in request.if_range


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
