"""
An open file as the body of an answer: the whole, or the range that was asked for.

Conditional requests and ranges (RFC 9110, 13 and 14) are WebOb's; what it reads otherwise
than the RFC, or would answer with the client's own words, is settled here first.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import BinaryIO

from webob import Request, Response

from uploadsvc.web.errors import BadRange, PreconditionFailed

_PIECE = 1 << 18
_SUFFIX = re.compile(r"bytes=-([0-9]+)")
_DATES = {
    "If-Modified-Since": ("if_modified_since", "If-Modified-Since"),
    "If-Unmodified-Since": ("if_unmodified_since", "If-Unmodified-Since"),
    # What depends on a date that nobody can read is not done: the whole is sent.
    "If-Range": ("if_range", "Range"),
}


def with_ranges(request: Request, response: Response, file: BinaryIO, size: int) -> Response:
    """
    Return the response with the file, which is `size` bytes, as its body.

    The response must have its ETag and Last-Modified by now. The file is closed when it was
    sent. Raise `BadRange` when a range is asked for that the file does not have, and
    `PreconditionFailed` when the file is not the one that is asked about.
    """
    response.conditional_response = True
    response.accept_ranges = "bytes"
    response.app_iter = FileBytes(file)
    response.content_length = size
    try:
        _drop_unreadable_dates(request)
        _check_match(request, response)
        if _is_known(request, response):
            request.headers.pop("Range", None)
        _settle_range(request, response, size)
    except BaseException:
        file.close()
        raise
    return response


def _drop_unreadable_dates(request: Request) -> None:
    for header, (attribute, dropped) in _DATES.items():
        try:
            getattr(request, attribute)
        except (ValueError, OverflowError):
            # RFC 9110 13.1.3: a date that is none is as if it were not there.
            request.headers.pop(header, None)
            request.headers.pop(dropped, None)


def _check_match(request: Request, response: Response) -> None:
    """RFC 9110 13.2.2, steps 1 and 2."""
    match = request.headers.get("If-Match", "").strip()
    if match:
        if match != "*" and response.etag not in request.if_match:
            raise PreconditionFailed("the file is not the one that was asked about")
    elif _is_newer(response, request.if_unmodified_since):
        raise PreconditionFailed("the file was modified since then")


def _is_known(request: Request, response: Response) -> bool:
    """Whether the client has the file already, so that the answer is 304 (steps 3 and 4)."""
    if request.headers.get("If-None-Match", "").strip() == "*":
        # WebOb knows only tags.
        request.headers["If-None-Match"] = f'"{response.etag}"'
    if "If-None-Match" in request.headers:
        return bool(response.etag in request.if_none_match)
    since = request.if_modified_since
    return since is not None and not _is_newer(response, since)


def _is_newer(response: Response, since: datetime | None) -> bool:
    modified = response.last_modified
    return since is not None and modified is not None and modified > since


def _settle_range(request: Request, response: Response, size: int) -> None:
    asked = request.headers.get("Range", "")
    if request.method != "GET" or "," in asked:
        # 14.2: ranges are for GET, and several at once may be answered with the whole.
        request.headers.pop("Range", None)
        return
    if suffix := _SUFFIX.fullmatch(asked.strip()):
        # 14.1.2: of the last bytes there are at most all, and none are too few.
        last = min(int(suffix[1]), size)
        request.headers["Range"] = f"bytes={size - last}-" if last else f"bytes={size}-"
    if request.range is None or request.range.content_range(size) is not None:
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
